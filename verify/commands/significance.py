"""`verify significance`: is one claim better than another, on rows of the board, folders or plain numbers."""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from verify.commands.frontier import frontier, load, number, p_value, wide
from verify.errors import BadInput
from verify.submission.text import printable

if TYPE_CHECKING:
    from verify.stats.significance import RuleMet, Significance
    from verify.verdict import Comparison

__all__ = ["frontier", "significance"]  # what cli.py wires

MARKS = {True: "met", False: "not met", None: "cannot be told"}
STYLES = {True: "green", False: "red", None: "yellow"}
CODES = {True: 0, False: 1, None: 3}
TESTING = ("margin", "bytes_per_token", "variant", "pool", "rule", "board_file")  # what --power does not read
PLANNING = ("std", "gap", "seeds", "old_seeds", "chance")  # what it alone reads
RULES = {"board": 0, "token": "README, nats per token", "byte": "README, nats per byte"}


@click.command()
@click.argument("new", required=False)
@click.argument("old", required=False)
@click.option(
    "--margin",
    type=click.FloatRange(min=0),
    default=0.005,
    show_default=True,
    metavar="NATS",
    help="The gain that the README asks for.",
)
@click.option(
    "--bytes-per-token",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Of the new submission; by default from its logs.",
)
@click.option("--variant", metavar="NAME", help="The same, by tokenizer: sp1024, sp4096, sp8192, caseops, bytes.")
@click.option("--pool", is_flag=True, help="Let reproductions that are admissible decide with the own runs.")
@click.option(
    "--rule",
    type=click.Choice(["board", "token", "byte"]),
    default="board",
    show_default=True,
    help="The rule that the exit code answers.",
)
@click.option("--board", "board_file", metavar="FILE", help="A leaderboard of your own (JSON).")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option(
    "--power",
    "ask_power",
    is_flag=True,
    help="Without NEW and OLD: plan an experiment from --std and --gap or --seeds.",
)
@click.option(
    "--std", type=float, metavar="BPB", help="With --power: standard deviation over seeds (typically 0.0003 to 0.0011)."
)
@click.option("--gap", type=float, metavar="BPB", help="With --power: the true gain over the margin.")
@click.option("--seeds", type=int, metavar="N", help="With --power: seeds of the new side.")
@click.option("--old-seeds", type=int, metavar="N", help="With --power: seeds of the old side; by default as many.")
@click.option(
    "--chance",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="With --power: of p being low enough.",
)
@click.pass_context
def significance(
    context, new, old, margin, bytes_per_token, variant, pool, rule, board_file, as_json, **planning
) -> None:
    """Is NEW better than OLD? One-sided Welch on per-seed val_bpb.

    NEW and OLD are record folders, rows of the leaderboard by pull request (1855), values (1.0801,1.0803,1.0799) or
    mean±std×n (1.0758±0.0007×3, also "+-" and "x"). Without OLD: the best row that was opened before NEW.

    \b
    pgolf verify significance 1855              pgolf verify significance records/... 1855
    pgolf verify significance 1.0571,1.0574,1.0569 2014
    pgolf verify significance --power --std 0.0006 --gap 0.001

    The exit code is 0 where the rule is met, 1 where it is not, 3 where it cannot be told.
    """
    if planning.pop("ask_power"):
        given = said(context, TESTING)
        if new is not None or given:
            raise BadInput(
                f"--power takes --std with --gap or --seeds, no {', '.join(given) or 'NEW or OLD'}. Leave one of them out."
            )
        plan(as_json, **planning)
        return
    if given := said(context, PLANNING):
        raise BadInput(f"without --power there is no {', '.join(given)}. Add --power, or leave it out.")
    if new is None:
        raise BadInput(
            "nothing to test. Give NEW: a folder, a row such as 1855, or values such as 1.0801,1.0803,1.0799."
        )
    if old is not None and new.strip() == old.strip():
        raise BadInput(f"NEW and OLD are both {printable(new, 80)!r}. Give two to compare, or NEW alone.")
    for name, value in (("--margin", margin), ("--bytes-per-token", bytes_per_token)):
        if value is not None and not math.isfinite(value):
            raise BadInput(f"{name} {value} is not a number to reckon with. Give one such as 0.005 or 3.157.")
    from verify.stats import significance as stats

    result = stats.significance(
        new,
        old,
        board=load(board_file),
        bytes_per_token=ratio(bytes_per_token, variant),
        margin_nats=margin,
        pooled=pool,
    )
    if as_json:
        click.echo(result.model_dump_json(indent=2, by_alias=True))
    else:
        show(result)
    asked = result.rules[0] if rule == "board" else next((one for one in result.rules if one.name == RULES[rule]), None)
    context.exit(CODES[asked.met if asked else None])


def said(context: click.Context, names: Sequence[str]) -> list[str]:
    """Which of these options the command line gives."""
    given = (name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT)
    return [f"--{name.removesuffix('_file').replace('_', '-')}" for name in given]


def ratio(bytes_per_token: float | None, variant: str | None) -> float | None:
    """Bytes per token from one of the two options. Raises BadInput where both are given or the variant is not known."""
    from verify.stats.sides import VARIANTS

    if bytes_per_token is not None and variant is not None:
        raise BadInput("--bytes-per-token and --variant say the same. Give one of them.")
    if variant is None:
        return bytes_per_token
    if variant.lower() not in VARIANTS:
        raise BadInput(f"--variant {variant} is not one of {', '.join(VARIANTS)}. For another give --bytes-per-token.")
    return VARIANTS[variant.lower()]


def show(result: "Significance") -> None:
    from rich.table import Table
    from rich.text import Text

    console = wide()
    head = f"{result.new} against {result.old}"
    console.print(
        Text(head, style="bold") + Text(f" ({result.found_by})" if result.found_by else "", style="dim not bold")
    )
    runs = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (
        ("runs", "left"),
        ("n", "right"),
        ("mean bpb", "right"),
        ("std", "right"),
        ("admission", "left"),
    ):
        runs.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for group in result.runs:
        why = f": {'; '.join(group.reasons)}" if group.reasons else ""
        title = group.name if group.relation == "own" else f"{group.name} ({group.relation})"
        runs.add_row(
            Text(title), str(group.n), number(group.mean, 6), number(group.std, 6), Text(group.admission + why)
        )
    console.print(runs)
    tests = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("test", "gain bpb", "nats/token", "t", "df", "p", "p token", "p byte"):  # the last two with the margin
        tests.add_column(name, justify="left" if name == "test" else "right", overflow="fold")
    for test in result.tests:
        c = test.comparison
        cells = [number(c.gain_bpb, 6), number(c.gain_nats_per_token, 5), number(c.t, 2), number(c.df, 2)]
        cells += [p_value(p) for p in (c.p, c.p_margin_token, c.p_margin_byte)]
        label = Text(f"{'> ' if test.decides else '  '}{test.kind}, {c.n_new} against {c.n_old}")
        if test.kind != "own":
            label.append(f"\n    {test.new}\n    against {c.against}", style="dim")
        tests.add_row(label, *cells, style="bold" if test.decides else "")
    console.print(tests)
    if said := facts(result.deciding):
        console.print(Text(said), soft_wrap=True)
    for note in dict.fromkeys((*result.deciding.notes, *(note for test in result.tests for note in test.notes))):
        console.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    for rule in result.rules:
        console.print(Text(f"{MARKS[rule.met]:>14} ", style=STYLES[rule.met]) + Text(sentence(rule)), soft_wrap=True)


def facts(c: "Comparison") -> str:
    """What is said of the deciding test besides its row."""
    parts = []
    if c.p_two_sided is not None:
        parts.append(f"two-sided {equal(c.p_two_sided, ' ')}")
    if c.ci is not None:
        parts.append(f"90 % interval of the gain {c.ci[0]:+.6f} to {c.ci[1]:+.6f} bpb")
    if c.p_paired is not None:
        parts.append(f"equal seeds paired {equal(c.p_paired, ' ')} (information only)")
    return ("  " + "; ".join(parts)) if parts else ""


def sentence(rule: "RuleMet") -> str:
    """A rule, its p, and the seeds it would take."""
    asks = f"{rule.name}: p < {rule.alpha:g}" + (
        f" for a gain above {rule.margin_bpb:.6f} bpb" if rule.margin_bpb else ""
    )
    found = "" if rule.p is None else f", {equal(rule.p)}"
    if rule.seeds_each is None:
        return f"{asks}{found}; {rule.why_no_seeds}."
    alone = f"{rule.seeds_new:,} new ones" if rule.seeds_new else "no number of new ones alone"
    return f"{asks}{found}; were this the true gap, {rule.seeds_each:,} seeds a side would show it in 4 of 5 tries, or {alone}."


def equal(p: float, sign: str = " = ") -> str:
    """ "p = 0.0123", or "p < 0.0001"."""
    text = p_value(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p{sign}{text}"


def plan(
    as_json: bool, std: float | None, gap: float | None, seeds: int | None, old_seeds: int | None, chance: float
) -> None:
    """Seeds for a gap, or the gap that seeds can show."""
    from rich.table import Table

    from verify.stats import power
    from verify.stats.welch import BOARD_P, README_P

    if std is None or (gap is None) == (seeds is None):
        raise BadInput("--power needs --std and one of --gap or --seeds. For example --std 0.0006 --gap 0.001.")
    if gap is not None and not (math.isfinite(gap) and gap > 0):
        raise BadInput(f"--gap {gap:g} cannot be shown by any number of seeds. Give one above 0, for example 0.001.")
    rows = []
    for alpha in (README_P, 0.05, BOARD_P):
        if gap is not None:
            needed = power.seeds_needed(gap, std, alpha, n_old=old_seeds, wanted=chance)
            rows.append({"p_below": alpha, "gap_bpb": gap, "seeds": needed, "old_seeds": old_seeds or needed})
        elif seeds is not None:
            shown = power.detectable_gap(seeds, old_seeds or seeds, std, std, alpha, wanted=chance)
            rows.append({"p_below": alpha, "gap_bpb": shown, "seeds": seeds, "old_seeds": old_seeds or seeds})
    if as_json:
        click.echo(json.dumps({"std_bpb": std, "chance": chance, "plan": rows}, indent=2))
        return
    table = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        title_justify="left",
        title=f"standard deviation {std:g} bpb, chance {chance:g}",
    )
    for name in ("p below", "true gap, bpb", "new seeds", "old seeds"):
        table.add_column(name, justify="right")
    for row in rows:
        count = [str(row[name]) if row[name] else f"over {power.SEEDS_MAX:,}" for name in ("seeds", "old_seeds")]
        table.add_row(f"{row['p_below']:g}", number(row["gap_bpb"], 6), *count)
    wide().print(table)
