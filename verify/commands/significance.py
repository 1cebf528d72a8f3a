"""`verify significance` and `verify frontier`: the board's arithmetic, on rows, folders or plain numbers."""

import json
from typing import TYPE_CHECKING

import click

from verify.errors import BadInput

if TYPE_CHECKING:
    from verify.stats.leaderboard import Leaderboard, Row
    from verify.stats.significance import RuleMet, Significance
    from verify.verdict import Comparison

MARKS = {True: "met", False: "not met", None: "cannot be told"}
STYLES = {True: "green", False: "red", None: "yellow"}
CODES = {True: 0, False: 1, None: 3}
RULES = {"board": 0, "token": "README, nats per token", "byte": "README, nats per byte"}


@click.command()
@click.argument("new", required=False)
@click.argument("old", required=False)
@click.option("--margin", type=click.FloatRange(min=0), default=0.005, show_default=True, metavar="NATS", help="The gain that the README asks for.")  # fmt: skip
@click.option("--bytes-per-token", type=click.FloatRange(min=0, min_open=True), metavar="X", help="Of the new submission; by default from its logs.")  # fmt: skip
@click.option("--variant", metavar="NAME", help="The same, by tokenizer: sp1024, sp4096, sp8192, caseops, bytes.")
@click.option("--pool", is_flag=True, help="Let reproductions that are admissible decide with the own runs.")
@click.option("--rule", type=click.Choice(["board", "token", "byte"]), default="board", show_default=True, help="The rule that the exit code answers.")  # fmt: skip
@click.option("--board", "board_file", metavar="FILE", help="A leaderboard of your own (JSON).")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--power", "ask_power", is_flag=True, help="Without NEW and OLD: plan an experiment from --std and --gap or --seeds.")  # fmt: skip
@click.option("--std", type=float, metavar="BPB", help="With --power: standard deviation over seeds (typically 0.0003 to 0.0011).")  # fmt: skip
@click.option("--gap", type=float, metavar="BPB", help="With --power: the true gain over the margin.")
@click.option("--seeds", type=int, metavar="N", help="With --power: seeds of the new side.")
@click.option("--old-seeds", type=int, metavar="N", help="With --power: seeds of the old side; by default as many.")
@click.option("--chance", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.8, show_default=True, help="With --power: of p being low enough.")  # fmt: skip
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
        if new is not None:
            raise BadInput("--power takes --std with --gap or --seeds, no NEW or OLD. Leave one of them out.")
        plan(as_json, **planning)
        return
    given = [
        f"--{name.replace('_', '-')}" for name in ("std", "gap", "seeds", "old_seeds") if planning[name] is not None
    ]
    if given:
        raise BadInput(f"{', '.join(given)} belong to --power. Add it or leave them out.")
    if new is None:
        raise BadInput(
            "nothing to test. Give NEW: a folder, a row such as 1855, or values such as 1.0801,1.0803,1.0799."
        )
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


def load(board_file: str | None) -> "Leaderboard":
    from verify.stats.leaderboard import Leaderboard

    return Leaderboard.load(board_file)


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
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    head = f"{result.new} against {result.old}"
    console.print(Text(head, style="bold"), Text(f"({result.found_by})" if result.found_by else "", style="dim"))
    runs = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (
        ("runs", "left"),
        ("n", "right"),
        ("mean bpb", "right"),
        ("std", "right"),
        ("admission", "left"),
    ):
        runs.add_column(name, justify=justify)  # type: ignore[arg-type]
    for group in result.runs:
        why = f": {'; '.join(group.reasons)}" if group.reasons else ""
        label = group.name if group.relation == "own" else f"{group.name} ({group.relation})"
        runs.add_row(
            Text(label), str(group.n), number(group.mean, 6), number(group.std, 6), Text(group.admission + why)
        )
    console.print(runs)
    tests = Table(box=None, pad_edge=False, header_style="dim")
    titles = (
        "test",
        "gain bpb",
        "nats/token",
        "t",
        "df",
        "p",
        f"p>{result.margin_nats:g}/token",
        f"p>{result.margin_nats:g}/byte",
    )
    for name in titles:
        tests.add_column(name, justify="left" if name == "test" else "right")
    for test in result.tests:
        c = test.comparison
        cells = [number(c.gain_bpb, 6), number(c.gain_nats_per_token, 5), number(c.t, 2), number(c.df, 2)]
        cells += [number(p, 4) for p in (c.p, c.p_margin_token, c.p_margin_byte)]
        label = f"{'> ' if test.decides else '  '}{test.kind}, {c.n_new} against {c.n_old}"
        tests.add_row(Text(label), *cells, style="bold" if test.decides else None)
    console.print(tests)
    console.print(Text(facts(result.deciding)))
    for note in dict.fromkeys((*result.deciding.notes, *(note for test in result.tests for note in test.notes))):
        console.print(Text(f"note: {note}", style="yellow"))
    for rule in result.rules:
        console.print(Text(f"{MARKS[rule.met]:>15}", style=STYLES[rule.met]), Text(sentence(rule)))


def facts(c: "Comparison") -> str:
    """What is said of the deciding test besides its row."""
    parts = []
    if c.p_two_sided is not None:
        parts.append(f"two-sided p {c.p_two_sided:.4f}")
    if c.ci is not None:
        parts.append(f"90 % interval of the gain {c.ci[0]:+.6f} to {c.ci[1]:+.6f} bpb")
    if c.p_paired is not None:
        parts.append(f"equal seeds paired p {c.p_paired:.4f} (information only)")
    return ("  " + "; ".join(parts)) if parts else ""


def sentence(rule: "RuleMet") -> str:
    """A rule, its p, and the seeds it would take."""
    asks = f"{rule.name}: p < {rule.alpha:g}" + (
        f" for a gain above {rule.margin_bpb:.6f} bpb" if rule.margin_bpb else ""
    )
    found = "" if rule.p is None else f", p = {rule.p:.4f}"
    if rule.seeds_each is None:
        return f"{asks}{found}; no number of seeds would do: {rule.why_no_seeds}."
    alone = f"{rule.seeds_new:,} new ones" if rule.seeds_new else "no number of new ones alone"
    return f"{asks}{found}; were this the true gap, {rule.seeds_each:,} seeds a side would show it in 4 of 5 tries, or {alone}."


def plan(
    as_json: bool, std: float | None, gap: float | None, seeds: int | None, old_seeds: int | None, chance: float
) -> None:
    """Seeds for a gap, or the gap that seeds can show."""
    from rich.console import Console
    from rich.table import Table

    from verify.stats import power
    from verify.stats.welch import BOARD_P, README_P

    if std is None or (gap is None) == (seeds is None):
        raise BadInput("--power needs --std and one of --gap or --seeds. For example --std 0.0006 --gap 0.001.")
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
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left", title=f"standard deviation {std:g} bpb, chance {chance:g}")  # fmt: skip
    for name in ("p below", "true gap, bpb", "new seeds", "old seeds"):
        table.add_column(name, justify="right")
    for row in rows:
        count = [str(row[name]) if row[name] else f"over {power.SEEDS_MAX:,}" for name in ("seeds", "old_seeds")]
        table.add_row(f"{row['p_below']:g}", number(row["gap_bpb"], 6), *count)
    Console(highlight=False).print(table)


@click.command()
@click.option("--date", metavar="DAY", help="As of this day (2026-04-09), by the opening of the pull requests.")
@click.option("--all", "every", is_flag=True, help="Rows that were not the best when they came too.")
@click.option("--non-record", is_flag=True, help="The rows of the track without limits on time.")
@click.option("--published", is_flag=True, help="The published comparisons, recomputed.")
@click.option("--board", "board_file", metavar="FILE", help="A leaderboard of your own (JSON).")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def frontier(date, every, non_record, published, board_file, as_json) -> None:
    """The records by date, each with its gain over the one before and the p of that gain."""
    board = load(board_file)
    if published:
        show_published(board, as_json)
        return
    track = "non_record" if non_record else "10min"
    day = checked(date)
    rows = board.before(day, track=track) if every or non_record else board.chain(day, track=track)
    entries = [entry(row, board, track) for row in rows]
    if as_json:
        click.echo(json.dumps({"schema": "pgolf.frontier/1", "date": day, "track": track, "rows": entries}, indent=2))
        return
    show_frontier(entries)


def checked(date: str | None) -> str | None:
    import datetime

    try:
        return None if date is None else datetime.date.fromisoformat(date).isoformat()
    except ValueError:
        raise BadInput(f"--date {date} is not a day. Give one like 2026-04-09.") from None


def entry(row: "Row", board: "Leaderboard", track: str) -> dict:
    """A row of the board with its test against the best row before it."""
    from verify.stats.strata import groups_of, outcomes

    best = board.frontier(before_pr=row.order, track=track)
    tested = outcomes(groups_of(row), groups_of(best), row.bytes_per_token)[0].comparison if best else None
    return {
        "pr": row.pr,
        "title": row.title,
        "author": row.author,
        "created": row.created,
        "n": len(row.seeds),
        "mean_bpb": row.mean,
        "is_logged": bool(row.seeds),
        "board_score": row.board_score,
        "tokenizer": row.tokenizer,
        "reproduction": row.reproduction.outcome if row.reproduction else None,
        "against": tested.against if tested else None,
        "gain_bpb": best.mean - row.mean if best else None,
        "gain_nats_per_token": tested.gain_nats_per_token if tested else None,
        "p": tested.p if tested else None,
        "p_margin_token": tested.p_margin_token if tested else None,
        "p_margin_byte": tested.p_margin_byte if tested else None,
        "folder": row.folder,
        "url": row.url,
    }


def show_frontier(entries: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("opened", "PR", "mean bpb", "n", "gain", "p", "p>0.005/token", "record"):
        table.add_column(name, justify="left" if name in ("opened", "record") else "right")
    for row in entries:
        mark = {"failed": " (not reproduced)", "questioned": " (questioned)"}.get(row["reproduction"], "")
        cells = [number(row["gain_bpb"], 6), number(row["p"], 4), number(row["p_margin_token"], 4)]
        mean = f"{row['mean_bpb']:.6f}" if row["is_logged"] else f"{row['mean_bpb']:g}?"
        table.add_row(row["created"], str(row["pr"] or "-"), mean, str(row["n"]), *cells, Text(f"{row['title']}{mark}"))
    console = Console(highlight=False)
    console.print(table)
    tested = [row for row in entries if row["p"] is not None]
    board = sum(row["p"] < 0.25 for row in tested)
    strict = sum(row["p_margin_token"] is not None and row["p_margin_token"] < 0.01 for row in tested)
    console.print(
        Text(
            f"{len(tested)} of {len(entries)} can be tested: {board} at p < 0.25, {strict} above 0.005 nats per token at p < 0.01."
        )
    )


def show_published(board: "Leaderboard", as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from verify.stats.published import table as recomputed

    found = recomputed(board)
    if as_json:
        rows = [{k: v for k, v in asdict(one).items() if k != "expected"} | {"explains": one.explains} for one in found]
        click.echo(json.dumps({"schema": "pgolf.published/1", "comparisons": rows}, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("comparison", "n", "stated", "values", "logs", "ddof 0", "printed", "p>0.005/token", "stated is"):
        table.add_column(name, justify="left" if name in ("comparison", "stated is") else "right")
    for one in found:
        cells = [number(p, 4) for p in (one.p, one.p_logs, one.p_ddof0, one.p_printed, one.p_strict_logs)]
        table.add_row(one.name, f"{one.n[0]}/{one.n[1]}", one.stated or "-", *cells, ", ".join(one.explains))
    Console(highlight=False).print(table)


def number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
