"""Options that several commands share."""

from pathlib import Path

import click

recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
set_option = click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Change one field of the recipe."
)
scale_option = click.option("--scale", help="Lay a named shrink over the recipe, for example tiny.")
data_dir_option = click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), default=Path("data"), envvar="DATA_DIR",
    show_default=True, show_envvar=True, help="Folder with datasets/, tokenizers/ and manifest.json.",
)  # fmt: skip
runs_dir_option = click.option(
    "--runs-dir", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs are kept."
)


def recipe_options(command):
    """RECIPE [--set FIELD=VALUE ...] [--scale NAME]"""
    for option in (scale_option, set_option, recipe_argument):
        command = option(command)
    return command


def run_options(command):
    """What `run` and `record` share."""
    for option in (
        runs_dir_option,
        data_dir_option,
        click.option("--seed", "seeds", type=int, multiple=True, help="Only these seeds (default: the recipe's)."),
        click.option("--fresh", is_flag=True, help="Delete what an earlier run of this recipe left, and start over."),
        click.option("--dry-run", is_flag=True, help="Print what would run, and run nothing."),
    ):
        command = option(command)
    return recipe_options(command)
