"""Commands on recipes: show, diff, validate, schema; and on what a recipe becomes: bundle, bytes."""

from pathlib import Path

import click

from pgolf.commands.options import recipe_options, scale_option, set_option


@click.group()
def recipe() -> None:
    """Show, compare and check recipes."""


@recipe.command()
@recipe_options
@click.option("--digest", "only_digest", is_flag=True, help="Only the digest of the resolved recipe.")
def show(recipe: Path, settings: tuple[str, ...], scale: str | None, only_digest: bool) -> None:
    """Print the resolved recipe: every value, whatever file or option it comes from."""
    from pgolf.harness.resolve import as_json, digest, resolve

    resolved = resolve(recipe, settings, scale)
    click.echo(digest(resolved) if only_digest else as_json(resolved), nl=only_digest)


@recipe.command()
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
def diff(one: Path, other: Path) -> None:
    """Print the fields in which two resolved recipes differ; exit code 1 when there are any."""
    from pgolf.harness.resolve import differences, resolve

    if rows := differences(resolve(one), resolve(other)):
        rows = [("field", str(one), str(other)), *rows]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        for name, left, right in rows:
            click.echo(f"{name:{first}}  {left:{second}}  {right}")
        click.get_current_context().exit(1)


@recipe.command()
@click.argument("recipes", type=click.Path(path_type=Path), nargs=-1, required=True)
@scale_option
@set_option
def validate(recipes: tuple[Path, ...], scale: str | None, settings: tuple[str, ...]) -> None:
    """Check recipes; every fault of every file is one line."""
    from pgolf.core.errors import InputError
    from pgolf.harness.resolve import digest, resolve

    faults = []
    for path in recipes:
        try:
            click.echo(f"{path}: valid, digest {digest(resolve(path, settings, scale))}")
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))


@recipe.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write (default: standard output).")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of recipe files, for editors."""
    import json

    from pgolf.harness.atomic import write_text
    from pgolf.harness.resolve import file_schema

    text = json.dumps(file_schema(), indent=2) + "\n"
    if output:
        write_text(output, text)
    else:
        click.echo(text, nl=False)


@click.command()
@recipe_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write (default: standard output).")
@click.option("--readable", is_flag=True, help="The same program unminified, for reviewers.")
def bundle(recipe: Path, settings: tuple[str, ...], scale: str | None, output: Path | None, readable: bool) -> None:
    """Compile a recipe into one train_gpt.py."""
    from pgolf.harness import bundle as bundler
    from pgolf.harness.atomic import write_text
    from pgolf.harness.resolve import resolve

    resolved = resolve(recipe, settings, scale)
    text = bundler.readable(resolved) if readable else bundler.packed(resolved)
    if output:
        write_text(output, text)
        click.echo(f"{output}: {len(text.encode()):,} bytes", err=True)
    else:
        click.echo(text, nl=False)


@click.command("bytes")
@recipe_options
def bytes_(recipe: Path, settings: tuple[str, ...], scale: str | None) -> None:
    """Show what each module costs in bytes."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from pgolf.harness import bundle as bundler
    from pgolf.harness.resolve import resolve

    resolved = resolve(recipe, settings, scale)
    rows = sorted(bundler.sizes(resolved), key=lambda row: -row[3])
    table = Table("module", box=SIMPLE_HEAD, show_footer=True)
    table.columns[0].footer = "train_gpt.py"
    total = len(bundler.packed(resolved).encode())
    for title, footer in (
        ("lines", sum(r[1] for r in rows)),
        ("minified", sum(r[2] for r in rows)),
        ("in the bundle", total),
    ):
        table.add_column(title, justify="right", footer=f"{footer:,}")
    for name, lines, small, packed in rows:
        table.add_row(name, f"{lines:,}", f"{small:,}", f"{packed:,}")
    Console().print(table, highlight=False)
