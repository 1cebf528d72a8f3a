"""Bytes by measure against the cap, and phases against the budgets of time."""

from collections.abc import Sequence
from dataclasses import dataclass

from verify.report import show
from verify.report.scale import Axis, Tick, span
from verify.verdict import Phase, SizeRow, Verdict

LEFT, RIGHT = 1.0, 99.0  # percent
ROW = 58  # pixels: two lines of text above the marks
BAR_ROW = 36
PHASE_STYLES = 6
BUDGETS = {"train": "Training budget", "eval": "Evaluation budget", "outside": "Outside both budgets"}


@dataclass(frozen=True, slots=True)
class SizeDot:
    x: float
    title: str
    is_over: bool
    style: str


@dataclass(frozen=True, slots=True)
class SizeLine:
    y: float
    label: str
    extent: str
    is_over: bool
    dots: list[SizeDot]


@dataclass(frozen=True, slots=True)
class SizeChart:
    text: str
    lines: list[SizeLine]
    ticks: list[Tick]
    cap_x: float
    cap_label: str
    height: int


@dataclass(frozen=True, slots=True)
class Segment:
    x: float
    width: float
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    y: float
    label: str
    segments: list[Segment]
    is_over: bool


@dataclass(frozen=True, slots=True)
class BudgetChart:
    key: str
    title: str
    text: str
    bars: list[Bar]
    ticks: list[Tick]
    limit_x: float | None
    limit_label: str
    legend: list[tuple[str, str]]
    height: int


def sizes_of(verdict: Verdict, styles: dict[int | None, str]) -> SizeChart | None:
    """Totals on an axis that shows the surroundings of the cap: from zero on, all would look alike."""
    by_measure: dict[str, list[SizeRow]] = {}
    for row in verdict.sizes:
        if show.drawable(row.total_bytes):
            by_measure.setdefault(row.measure, []).append(row)
    if not by_measure or not show.drawable(verdict.cap_bytes):
        return None
    cap = verdict.cap_bytes
    low, high = span(
        [cap, *(row.total_bytes for rows in by_measure.values() for row in rows if row.total_bytes is not None)], 0.1
    )
    axis = Axis(low, high, LEFT, RIGHT)
    lines = []
    for number, (measure, rows) in enumerate(by_measure.items()):
        totals = [row.total_bytes for row in rows if row.total_bytes is not None]
        over = sum(total > cap for total in totals)
        extent = show.integer(totals[0]) if min(totals) == max(totals) else f"{min(totals):,} to {max(totals):,}"
        extent += f", {over} of {len(totals)} over" if over else " ✓"
        dots = [size_dot(row, axis, cap, styles) for row in rows]
        lines.append(SizeLine(number * ROW + 32.0, show.printable(measure, 60), extent, over > 0, dots))
    text = f"Total bytes of every run by {len(lines)} measures, against the cap of {cap:,} bytes. The axis does not begin at zero."
    ticks = axis.ticks(3, ",.0f")
    return SizeChart(text, lines, ticks, axis.at(cap), f"cap {cap:,}", len(lines) * ROW + 46)


def size_dot(row: SizeRow, axis: Axis, cap: int, styles: dict[int | None, str]) -> SizeDot:
    total = row.total_bytes or 0
    seed = "all seeds" if row.seed is None else f"seed {show.seed_name(row.seed)}"
    difference = f"{total - cap:,} over the cap" if total > cap else f"{cap - total:,} under the cap"
    title = f"{seed}, {show.text(row.measure)}: {total:,} bytes, {difference}"
    return SizeDot(axis.at(total), title, total > cap, styles.get(row.seed, "s0"))


def phases_of(verdict: Verdict) -> list[BudgetChart]:
    limits = {"train": verdict.train_seconds_max, "eval": verdict.eval_seconds_max, "outside": None}
    limits = {key: limit if show.drawable(limit) else None for key, limit in limits.items()}
    charts = []
    for key, limit in limits.items():
        phases = [
            phase
            for phase in verdict.phases
            if phase.budget == key and show.drawable(phase.seconds) and phase.seconds >= 0
        ]
        if phases:
            charts.append(budget_chart(key, phases, limit))
    return charts


def budget_chart(key: str, phases: Sequence[Phase], limit: float | None) -> BudgetChart:
    names = list(dict.fromkeys(phase.name for phase in phases))
    styles = {name: f"f{min(number, PHASE_STYLES - 1)}" for number, name in enumerate(names)}
    by_seed: dict[tuple[int | None, str], list[Phase]] = {}
    for phase in phases:
        # Two runs of one seed stay apart.
        by_seed.setdefault((phase.seed, phase.file), []).append(phase)
    totals = [sum(phase.seconds for phase in group) for group in by_seed.values()]
    axis = Axis(0.0, max([*totals, (limit or 0.0) * 1.04, 1.0]) * 1.02, LEFT, RIGHT)
    bars = []
    for number, ((seed, _), group) in enumerate(by_seed.items()):
        at, segments = 0.0, []
        for phase in group:
            x, stop = axis.at(at), axis.at(at + phase.seconds)
            title = f"{show.text(phase.name)}: {show.seconds(phase.seconds)} s"
            segments.append(Segment(x, round(max(stop - x, 0.15), 3), styles[phase.name], title))
            at += phase.seconds
        over = limit is not None and at > limit
        mark = "" if limit is None else f", {at - limit:,.1f} s over" if over else " ✓"
        seed_label = "seed not known" if seed is None else f"seed {show.seed_name(seed)}"
        bars.append(Bar(number * BAR_ROW + 14.0, f"{seed_label}: {show.seconds(at)} s{mark}", segments, over))
    many = sum(bar.is_over for bar in bars)
    against = (
        f", against {limit:,.0f} s; {many} of {len(bars)} over"
        if limit is not None
        else ", which neither budget counts"
    )
    text = f"Seconds of {len(bars)} runs in {', '.join(show.text(name) for name in names)}{against}."
    legend = [(styles[name], show.text(name)) for name in names]
    limit_x = None if limit is None else axis.at(limit)
    label = "" if limit is None else f"{limit:,.0f} s"
    return BudgetChart(key, BUDGETS[key], text, bars, axis.ticks(4), limit_x, label, legend, len(bars) * BAR_ROW + 40)
