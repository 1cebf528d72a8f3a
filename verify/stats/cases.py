"""A submission on the board: its claimed runs, the row it is if it is one, and the record it has to beat."""

import math
import re
from dataclasses import dataclass

from verify.logs.model import Run, SeedResult
from verify.rule import Case
from verify.stats.leaderboard import Leaderboard, Row, Seed
from verify.stats.strata import Group
from verify.stats.welch import LN_2
from verify.submission.text import printable

DAY = re.compile(r"(\d{4}-\d\d-\d\d)")
OLDEST, NEWEST = "2026-03-18", "2099-12-31"  # a date of before the challenge is a mistake


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The record to beat. `how` says in a few words by what it was found."""

    row: Row
    how: str


def seed_of(result: SeedResult) -> Seed | None:
    """A claimed run as the board stores runs; None where its log has no score."""
    metric, run = result.metric, result.run
    if metric is None or metric.val_bpb is None or not math.isfinite(metric.val_bpb):
        return None
    eval_seconds = run.total_eval_seconds.value if run.total_eval_seconds else metric.eval_seconds
    return Seed(
        seed=result.seed,
        val_bpb=metric.val_bpb,
        val_loss=metric.val_loss if metric.val_loss is not None and math.isfinite(metric.val_loss) else None,
        file=(result.metric_run or run).file,
        line=metric.line,
        steps=run.steps.value if run.steps else None,
        train_seconds=run.train_seconds.value if run.train_seconds else None,
        eval_seconds=eval_seconds,
        artifact_bytes=_total_bytes(run),
        gpus=run.world_size.value if run.world_size else None,
        gpu=run.gpu.value if run.gpu else None,
    )


def group_of(case: Case) -> Group:
    """The claimed runs of a submission."""
    seeds = tuple(seed for seed in map(seed_of, case.claim.claimed) if seed is not None)
    name = printable(case.submission.tree.name, 80)
    return Group(name, seeds, "own", case.submission.metadata.hardware, pr=case.submission.tree.pr)


def bytes_per_token(seeds: tuple[Seed, ...]) -> float | None:
    """val_loss / (ln 2 * val_bpb), mean over the runs; None where one of them does not have both."""
    ratios = [seed.val_loss / (LN_2 * seed.val_bpb) for seed in seeds if seed.val_loss and seed.val_bpb > 0]
    return math.fsum(ratios) / len(ratios) if ratios and len(ratios) == len(seeds) else None


def date_of(case: Case) -> str | None:
    """The day a submission gives itself, else that of its folder's name, else of its commit."""
    tree = case.submission.tree
    for text in (case.submission.metadata.date, tree.name, tree.date):
        match = DAY.search(text or "")
        if match and OLDEST <= match[1] <= NEWEST:
            return match[1]
    return None


def incumbent_of(case: Case) -> Incumbent | None:
    """The record a submission has to beat: the best row opened before it. None: no row, or not the ten-minute track."""
    if not case.is_ten_minutes:
        return None
    return incumbent(case.leaderboard, group_of(case).seeds, case.submission.tree.pr, date_of(case))


def incumbent(board: Leaderboard, seeds: tuple[Seed, ...], pr: int | None, date: str | None) -> Incumbent | None:
    """By pull request number; without one by the scores, which show that it is a row itself; without that by date."""
    if pr is not None:
        row, how = board.frontier(before_pr=pr), f"the best row before PR {pr}"
    elif itself := board.itself(seed.val_bpb for seed in seeds):
        row, how = (
            board.frontier(before_pr=itself.order),
            f"its scores are those of {itself.name}: the best row before it",
        )
    elif date is not None:
        row, how = board.frontier(date), f"the best row of {date} or earlier"
    else:
        row, how = board.frontier(), "it has no date: the best row of all"
    return None if row is None else Incumbent(row, how)


def _total_bytes(run: Run) -> int | None:
    totals = [size.bytes for size in run.sizes if size.measure == "total"]
    return totals[-1] if totals else None
