"""`verify frontier`: the records by date, and the published comparisons recomputed."""

import json
from typing import TYPE_CHECKING

import click

from verify.errors import BadInput

PIPE_COLUMNS = 160

if TYPE_CHECKING:
    from rich.console import Console

    from verify.stats.leaderboard import Leaderboard, Row


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
    chosen = [name for name, value in (("--date", date), ("--all", every), ("--non-record", non_record)) if value]
    if published:
        if chosen:
            raise BadInput(
                f"--published takes no {', '.join(chosen)}: it shows all comparisons. Leave one of them out."
            )
        show_published(board, as_json)
        return
    track = "non_record" if non_record else "10min"
    day = checked(date)
    rows = board.before(day, track=track) if every or non_record else board.chain(day, track=track)
    if not rows:
        first = min((row.created for row in board.before(track=track)), default=None)
        raise BadInput(
            f"the board has no row of {day} or earlier; its first is of {first}. Give a later --date."
            if first
            else f"the board has no row of the track {track}. Give another --board."
        )
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
    """A row of the board with its test against the best row before it.

    `gain_bpb` is that of the claims. Where a row has fewer than two runs, a reproduction of it is tested (`tested`, `against`).
    """
    from verify.stats.strata import groups_of, held_to, outcomes

    best = board.frontier(before_pr=row.order, track=track)
    runs = held_to(groups_of(row))
    tested = outcomes([runs], groups_of(best), row.bytes_per_token)[0].comparison if best else None
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
        "tested": runs.name,
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
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("opened", "PR", "mean bpb", "n", "gain", "p", "p token", "record"):
        table.add_column(name, justify="left" if name in ("opened", "record") else "right")
    for row in entries:
        mark = {"failed": " (not reproduced)", "questioned": " (questioned)"}.get(row["reproduction"], "")
        cells = [number(row["gain_bpb"], 6), p_value(row["p"]), p_value(row["p_margin_token"])]
        mean = f"{row['mean_bpb']:.6f}" if row["is_logged"] else f"{row['mean_bpb']:g}?"
        table.add_row(row["created"], str(row["pr"] or "-"), mean, str(row["n"]), *cells, Text(f"{row['title']}{mark}"))
    console = wide()
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

    from rich.table import Table

    from verify.stats.published import table as recomputed

    found = recomputed(board)
    if as_json:
        rows = [{k: v for k, v in asdict(one).items() if k != "expected"} | {"explains": one.explains} for one in found]
        click.echo(json.dumps({"schema": "pgolf.published/1", "comparisons": rows}, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("comparison", "n", "stated", "values", "logs", "ddof 0", "printed", "p token", "stated is"):
        table.add_column(name, justify="left" if name in ("comparison", "stated is") else "right")
    for one in found:
        cells = [p_value(p) for p in (one.p, one.p_logs, one.p_ddof0, one.p_printed, one.p_strict_logs)]
        table.add_row(one.name, f"{one.n[0]}/{one.n[1]}", one.stated or "-", *cells, ", ".join(one.explains))
    wide().print(table)


def wide() -> "Console":
    """A console for tables: as wide as the terminal, or as a table needs where nobody said how wide (a pipe, a file)."""
    import os
    import sys

    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if known else PIPE_COLUMNS)


def load(board_file: str | None) -> "Leaderboard":
    from verify.stats.leaderboard import Leaderboard

    return Leaderboard.load(board_file)


def p_value(value: float | None) -> str:
    """A p to four decimals; a small one is never nought."""
    return "<0.0001" if value is not None and value < 0.0001 else number(value, 4)


def number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
