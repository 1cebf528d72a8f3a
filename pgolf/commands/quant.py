"""pgolf quant: what a run's weights cost in bytes, and what they could cost."""

from pathlib import Path
from typing import Any

import click

run_argument = click.argument("run", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")


@click.group()
def quant() -> None:
    """Sizes of a run's quantised weights."""


@quant.command()
@run_argument
@json_option
@click.option(
    "-o", "--output-dir", type=click.Path(file_okay=False, path_type=Path), help="Where the pictures go (default: RUN)."
)
def plan(run: Path, as_json: bool, output_dir: Path | None) -> None:
    """Compare the bytes of RUN with the size theory, and draw what other grids would cost and lose.

    RUN is the folder of a seed, runs/RECIPE/SEED. Writes quant_plan.png and quant_histograms.png.
    """
    import json

    from pgolf.harness.sizes import figures
    from pgolf.harness.sizes.plan import plan as plan_of
    from pgolf.harness.sizes.weights import open_run

    seed_run = open_run(run)
    found = plan_of(seed_run)
    folder = output_dir or run
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [folder / "quant_plan.png", folder / "quant_histograms.png"]
    figures.trade_off(found, f"{seed_run.recipe.name}, seed {run.name}: {seed_run.recipe.codec.kind}", pictures[0])
    figures.histograms(seed_run, pictures[1])
    if as_json:
        click.echo(json.dumps(found | {"pictures": list(map(str, pictures))}, indent=2))
        return
    show_plan(found)
    for picture in pictures:
        click.echo(f"wrote {picture}")


def show_plan(found: dict[str, Any]) -> None:
    titles = (
        "tensors",
        "numbers",
        "step/deviation",
        "predicted",
        "bits",
        "entropy",
        "bits",
        "real",
        "bits",
        "real/predicted",
    )
    table = new_table(*titles)

    def bits(size: float, numbers: int) -> str:
        return f"{8 * size / numbers:.3f}"

    for kind in found["kinds"]:
        n = kind["numbers"]
        table.add_row(
            kind["name"],
            f"{n:,}",
            f"{kind['steps_per_sigma']:.4f}" if kind["steps_per_sigma"] else "",
            *(
                cell
                for size in (kind["predicted"], kind["entropy"], kind["real"])
                for cell in (f"{size:,.0f}", bits(size, n))
            ),
            f"{kind['real'] / kind['predicted'] - 1:+.2%}" if kind["predicted"] else "",
        )
    numbers = sum(kind["numbers"] for kind in found["kinds"])
    entropy = sum(kind["entropy"] for kind in found["kinds"])
    table.add_section()
    table.add_row(
        "sum",
        f"{numbers:,}",
        "",
        *(c for s in (found["predicted"], entropy, found["real"]) for c in (f"{s:,.0f}", bits(s, numbers))),
        f"{found['real'] / found['predicted'] - 1:+.2%}",
    )
    show(table)
    if found["model_bytes"]:
        over = found["model_bytes"] / found["predicted"] - 1
        click.echo(f"the artifact has {found['model_bytes']:,} bytes, {over:+.2%} of the prediction")


@quant.command()
@run_argument
@json_option
@click.option("--only", multiple=True, metavar="CODEC", help="Only these, for example brotli (default: all).")
def codecs(run: Path, as_json: bool, only: tuple[str, ...]) -> None:
    """Compress the quantised weights of RUN with every codec, against the entropy of their codes.

    RUN is the folder of a seed, runs/RECIPE/SEED. A model of 36 million weights takes minutes.
    """
    import json

    from pgolf.core.errors import InputError
    from pgolf.harness.sizes.codecs import available, compare
    from pgolf.harness.sizes.weights import open_run

    seed_run = open_run(run)
    if unknown := [name for name in only if name not in available()]:
        raise InputError(f"--only {unknown[0]}: no codec of that name here; allowed: {', '.join(available())}.")
    found = compare(seed_run.stored, only, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    show_codecs(found)


def show_codecs(found: dict[str, Any]) -> None:
    bounds = found["bounds"]
    codecs = dict(sorted(found["codecs"].items(), key=lambda item: item[1]["bytes"]))
    table = new_table("bytes of", "raw", "gaussian", "entropy", *codecs)
    for kind, bound in bounds.items():
        sizes = (bound["raw"], bound["gaussian"], bound["entropy"], *(one["kinds"][kind] for one in codecs.values()))
        table.add_row(kind, *(f"{size:,.0f}" for size in sizes))
    table.add_section()
    sums = [sum(bound[row] for bound in bounds.values()) for row in ("raw", "gaussian", "entropy")]
    table.add_row("artifact", *(f"{size:,.0f}" for size in (*sums, *(one["bytes"] for one in codecs.values()))))
    table.add_row("over the entropy", "", "", "", *(f"{one['bytes'] / sums[2] - 1:+.2%}" for one in codecs.values()))
    for what in ("pack", "unpack"):
        table.add_row(f"{what} s", "", "", "", *(f"{one[f'{what}_seconds']:.2f}" for one in codecs.values()))
    show(table)
    click.echo(f"smallest here: {found['smallest']}, {codecs[found['smallest']]['bytes']:,} bytes")


def new_table(*titles: str):
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(titles[0], box=SIMPLE_HEAD)
    for title in titles[1:]:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def show(table) -> None:
    """All of it, even where the terminal is narrower."""
    from rich.console import Console

    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(width=10_000)).maximum)
    console.print(table, highlight=False)
