"""One claim against another, in full: the runs and their admission, every test, both rules, and the seeds it would take."""

import math
from typing import Literal

from pydantic import Field

from verify.errors import BadInput
from verify.finding import Model
from verify.stats import power
from verify.stats.cases import incumbent
from verify.stats.leaderboard import Leaderboard
from verify.stats.sides import Side, side, side_of_row
from verify.stats.strata import Group, Outcome, admission, outcomes
from verify.stats.welch import BOARD_P, MARGIN_NATS, README_P, margin_bpb, meets_board, meets_readme
from verify.verdict import Comparison

SCHEMA: Literal["pgolf.significance/1"] = "pgolf.significance/1"


class Runs(Model):
    """A group of runs. mean and std (ddof 1) in bits per byte."""

    side: Literal["new", "old"]
    name: str
    relation: str
    admission: str
    reasons: tuple[str, ...]
    n: int
    mean: float | None
    std: float | None
    values: tuple[float, ...]


class Tested(Model):
    kind: str
    decides: bool
    new: str
    comparison: Comparison
    notes: tuple[str, ...]


class RuleMet(Model):
    """A rule, whether the deciding test meets it (None: cannot be told), and the seeds a side for a chance of 80 %."""

    name: str
    alpha: float
    margin_bpb: float
    p: float | None
    met: bool | None
    seeds_each: int | None = None  # None: no number of seeds, or not to be told
    seeds_new: int | None = None  # with the old side as it is
    why_no_seeds: str | None = None


class Significance(Model):
    schema_: Literal["pgolf.significance/1"] = Field(default=SCHEMA, serialization_alias="schema")
    new: str
    old: str
    found_by: str | None  # how the old side was found where it was not given
    bytes_per_token: float | None
    margin_nats: float
    runs: tuple[Runs, ...]
    tests: tuple[Tested, ...]
    rules: tuple[RuleMet, ...]

    @property
    def deciding(self) -> Comparison:
        return next(test.comparison for test in self.tests if test.decides)


def significance(
    new_text: str,
    old_text: str | None,
    *,
    board: Leaderboard | None = None,
    bytes_per_token: float | None = None,
    margin_nats: float = MARGIN_NATS,
    pooled: bool = False,
) -> Significance:
    """Test `new_text` against `old_text` (see sides.py), by default against the best row opened before it.

    pooled  let the pool of admissible runs decide where there is one
    Raises BadInput where a side cannot be read or there is nothing to test against.
    """
    board = board or Leaderboard.load()
    new = side(new_text, board)
    found_by = None
    if old_text is None:
        old, found_by = _incumbent(new, board)
    else:
        old = side(old_text, board)
    # The new side's tokens count; a list of values has none of its own, and is taken to be of the old side's kind.
    ratio = bytes_per_token or new.bytes_per_token or old.bytes_per_token
    found = outcomes(new.groups, old.groups, ratio, margin_nats)
    deciding = next((one for one in found if one.kind == "pooled"), found[0]) if pooled else found[0]
    return Significance(
        new=new.name,
        old=old.name,
        found_by=found_by,
        bytes_per_token=ratio,
        margin_nats=margin_nats,
        runs=(*(_runs("new", group) for group in new.groups), *(_runs("old", group) for group in old.groups)),
        tests=tuple(_tested(one, one is deciding) for one in found),
        rules=_rules(deciding.comparison),
    )


def _incumbent(new: Side, board: Leaderboard) -> tuple[Side, str]:
    """The best row before a side, and how it was found."""
    if new.row is not None:
        row, how = board.frontier(before_pr=new.row.order, track=new.row.track), f"the best row before {new.row.name}"
    else:
        found = incumbent(board, new.groups[0].seeds, new.pr, new.date)
        row, how = (found.row, found.how) if found else (None, "")
    if row is None:
        raise BadInput(f"{new.name}: no row of the leaderboard is older. Name what it is to be tested against.")
    return side_of_row(row), how


def _runs(which: Literal["new", "old"], group: Group) -> Runs:
    sample = group.sample
    status, reasons = admission(group) if group.seeds else ("unproven", ())
    return Runs(
        side=which,
        name=group.name,
        relation=group.relation,
        admission=status,
        reasons=(*reasons, *sample.notes),
        n=sample.n,
        mean=sample.mean if math.isfinite(sample.mean) else None,
        std=sample.std,
        values=tuple(filter(math.isfinite, sample.values)),
    )


def _tested(outcome: Outcome, decides: bool) -> Tested:
    return Tested(
        kind=outcome.kind, decides=decides, new=outcome.new, comparison=outcome.comparison, notes=outcome.notes
    )


def _rules(comparison: Comparison) -> tuple[RuleMet, ...]:
    per_byte = margin_bpb(comparison.margin_nats)
    rules = [
        _rule("board", BOARD_P, 0.0, comparison.p, meets_board(comparison), comparison),
        _rule("README, nats per byte", README_P, per_byte, comparison.p_margin_byte, meets_readme(comparison, "byte"), comparison),
    ]  # fmt: skip
    if comparison.bytes_per_token:
        margin = margin_bpb(comparison.margin_nats, comparison.bytes_per_token)
        met = meets_readme(comparison)
        rules.insert(1, _rule("README, nats per token", README_P, margin, comparison.p_margin_token, met, comparison))  # fmt: skip
    return tuple(rules)


def _rule(name: str, alpha: float, margin: float, p: float | None, met: bool | None, comparison: Comparison) -> RuleMet:
    """How many seeds it would take if the gain and the deviations seen were the true ones."""
    gain, std_new, std_old = comparison.gain_bpb, comparison.std_new, comparison.std_old
    each = more = why = None
    if gain is None or not std_new or not std_old:
        why = "how many seeds it takes cannot be told"
    elif gain <= margin:
        why = "no number of seeds would do: " + (
            "the new mean is not lower"
            if margin == 0.0
            else f"the gain of {gain:.6f} bpb is not above the margin of {margin:.6f}"
        )
    else:
        each = power.seeds_needed(gain - margin, std_new, alpha, std_old=std_old)
        more = power.seeds_needed(gain - margin, std_new, alpha, std_old=std_old, n_old=comparison.n_old)
        why = None if each else f"it would take more than {power.SEEDS_MAX:,} seeds a side"
    return RuleMet(
        name=name, alpha=alpha, margin_bpb=margin, p=p, met=met, seeds_each=each, seeds_new=more, why_no_seeds=why
    )
