"""Commands that run recipes: run, record."""

from pathlib import Path

import click

from pgolf.commands.options import run_options


@click.command()
@run_options
def run(**options) -> None:
    """Run a recipe for every seed.

    Trains, quantizes, packages, evaluates. Resumes where an earlier run stopped.
    """
    from pgolf.harness.driver import Driver

    with Driver(**options) as driver:
        driver.run()


@click.command()
@run_options
@click.option(
    "--records-dir",
    type=click.Path(path_type=Path),
    default=Path("records"),
    show_default=True,
    help="Where records go.",
)
@click.option("--date", help="Date of the record, YYYY-MM-DD (default: today, UTC).")
def record(records_dir: Path, date: str | None, **options) -> None:
    """Run a recipe and write its record folder.

    The folder is the challenge's submission, complete. Refused when it is over a budget or cannot be proven.
    """
    from pgolf.harness.driver import Driver

    with Driver(**options) as driver:
        if runs := driver.run():
            driver.record(runs, records_dir, date)
