"""pgolf verify policy: the policies that come with verify, what they say, how they differ, and what a file may say."""

import click


@click.group()
def policy() -> None:
    """Show the policies a verdict can be given under."""


@policy.command("list")
def list_() -> None:
    """The policies that come with verify, one line each."""
    from rich.console import Console
    from rich.table import Table

    from verify.policy.model import DEFAULT, load, names

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("policy", "version", "title"):
        table.add_column(column)
    for name in names():
        found = load(name)
        table.add_row(name + (" (default)" if name == DEFAULT else ""), str(found.version), found.title)
    Console().print(table)


@policy.command()
@click.argument("name", default="board-2026-05")
@click.option("--yaml", "as_yaml", is_flag=True, help="The whole policy as a file to start one's own from.")
def show(name: str, as_yaml: bool) -> None:
    """What a policy says of every rule.

    NAME is that of one that comes with verify (by default the rules as last applied), or the path of a file.
    """
    from verify.policy.model import load

    found = load(name)
    if as_yaml:
        import yaml

        click.echo(yaml.safe_dump(found.model_dump(), sort_keys=False, allow_unicode=True, width=120), nl=False)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from verify.policy.diff import shown

    console = Console()
    console.print(f"[bold]{escape(found.title)}[/bold] ({escape(found.name)}, version {found.version})")
    console.print(escape(found.description))
    table = Table(header_style="bold", show_lines=False, box=None, pad_edge=False)
    for column in ("rule", "cap", "settings", "source"):
        table.add_column(column, overflow="fold")
    for rule, of in found.rules.items():
        settings = "\n".join(f"{key} {shown(value)}" for key, value in of.settings.items())
        table.add_row(rule, of.cap, escape(settings), escape(of.source))
    console.print(table)


@policy.command()
@click.argument("left")
@click.argument("right")
@click.option("--sources", is_flag=True, help="Where the second policy's word stands, too.")
def diff(left: str, right: str, sources: bool) -> None:
    """What two policies say differently, rule by rule."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from verify.policy.diff import diff as differences
    from verify.policy.model import load

    a, b = load(left), load(right)
    rows = differences(a, b)
    table = Table(header_style="bold", box=None, pad_edge=False)
    columns = ["rule", "what", f"{a.name} v{a.version}", f"{b.name} v{b.version}"]
    for column in columns + (["source"] if sources else []):
        table.add_column(escape(column), overflow="fold")
    last = None
    for row in rows:
        is_new = row.rule != last
        cells = [row.rule if is_new else "", row.what, row.left, row.right]
        cells += [row.right_source if is_new else ""] if sources else []
        table.add_row(*map(escape, cells))
        last = row.rule
    if rows:
        Console().print(table)
    click.echo(f"{len(rows)} differences in {len({row.rule for row in rows})} of {len(a.rules)} rules")


@policy.command()
def schema() -> None:
    """The JSON schema of policy files."""
    from verify.policy.schema import text

    click.echo(text(), nl=False)
