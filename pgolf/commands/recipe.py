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
@click.option("--fields", is_flag=True, help="Only the fields, one a line, for programs.")
def diff(one: Path, other: Path, fields: bool) -> None:
    """Show what the recipe OTHER changes against ONE; exit code 1 when there is anything.

    Both are files, or names of recipes in recipes/ (`pgolf recipe diff pr1285 pr1331`). Shown are the fields that differ, what
    follows from them (parameters, script bytes, modules), and what was published for both.
    """
    from pgolf.harness.catalogue import comparison
    from pgolf.harness.resolve import by_name, differences, meaning, resolve

    left, right = resolve(by_name(one)), resolve(by_name(other))
    changed = differences(left, right)
    if fields:
        for row in changed:
            click.echo("  ".join(row))
    elif changed:
        rows = [("field", one.stem, other.stem, "what it is")]
        for name, before, after in changed:
            if not name.startswith(("name", "title", "author.")):
                rows.append((name, before, after, meaning(right if after != "-" else left, name)))
        rows += [(*row, "") for row in comparison(left, right)]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for *values, what in rows:
            click.echo(
                "  ".join([*(f"{value:{width}}" for value, width in zip(values, widths, strict=True)), what]).rstrip()
            )
    click.get_current_context().exit(1 if changed else 0)


@recipe.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write (default: standard output).")
def catalogue(output: Path | None) -> None:
    """Print recipes/README.md: all recipes, what was published for them, our parameters and script bytes."""
    from pgolf.harness.atomic import write_text
    from pgolf.harness.catalogue import markdown
    from pgolf.harness.resolve import RECIPES

    text = markdown(RECIPES)
    if output:
        write_text(output, text)
    else:
        click.echo(text, nl=False)


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
