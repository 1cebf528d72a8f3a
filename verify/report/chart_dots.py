"""Significance: scores of single seeds with means and intervals, and the gain against what each reading of the rule asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, log, sqrt

from verify.report import show
from verify.report.scale import Axis, Tick, span
from verify.stats.student import quantile
from verify.verdict import Comparison, Verdict

LEFT, RIGHT = 2.0, 98.0  # percent
CONFIDENCE = 0.90
N_MAX = 10_000  # runs of one side


@dataclass(frozen=True, slots=True)
class Strip:
    """One side: its dots, mean and interval. Positions in percent; None where there is no such value."""

    y: float
    label: str
    style: str
    dots: list[tuple[float, str]]
    mean: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    label: str
    style: str


@dataclass(frozen=True, slots=True)
class Gain:
    x: float
    interval: tuple[float, float] | None
    marks: list[Mark]
    ticks: list[Tick]
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the rule: what it asks, the p it gives, whether that is met (None: no p)."""

    name: str
    asks: str
    p: str
    is_met: bool | None


@dataclass(frozen=True, slots=True)
class SignificanceChart:
    title: str
    text: str
    strips: list[Strip]
    ticks: list[Tick]
    gain: Gain | None
    readings: list[Reading]
    rows: list[list[str]]
    notes: list[str]
    pull: str | None
    number: int | None


def significance_of(verdict: Verdict) -> list[SignificanceChart]:
    return [significance_chart(comparison) for comparison in verdict.comparisons]


def significance_chart(comparison: Comparison) -> SignificanceChart:
    comparison = drawable(comparison)
    against = show.printable(comparison.against, 80)
    short = show.printable(comparison.against, 20) if comparison.against_pr is None else f"PR {comparison.against_pr}"
    sides = [
        ("this submission", "new", comparison.new, comparison.mean_new, comparison.std_new, comparison.n_new),
        (short, "old", comparison.old, comparison.mean_old, comparison.std_old, comparison.n_old),
    ]
    intervals = [interval_of(values, mean, std, n) for _, _, values, mean, std, n in sides]
    known = [value for _, _, values, mean, _, _ in sides for value in (*values, mean) if value is not None]
    edges = [edge for interval in intervals if interval for edge in interval]
    axis = Axis(*span([*known, *edges]), LEFT, RIGHT)
    strips = []
    for number, ((name, style, values, mean, _, n), interval) in enumerate(zip(sides, intervals, strict=True)):
        label = f"{name}: mean {show.bpb(mean)}, n {show.integer(n)}"
        placed = None if interval is None else (axis.at(interval[0]), axis.at(interval[1]))
        dots = [(axis.at(value), f"{name}: {show.bpb(value)} bpb") for value in values]
        strips.append(Strip(number * 56 + 38.0, label, style, dots, None if mean is None else axis.at(mean), placed))
    text = f"Bits per byte of single runs against {against}; dots are runs, the bar is the mean, the line its 90 % interval."
    rows = []
    for name, _, values, mean, std, n in sides:
        spread = sample_std(values) if std is None else std
        rows.append(
            [
                name,
                show.integer(n),
                show.bpb(mean),
                show.number(5)(spread),
                ", ".join(map(show.bpb, values)) or show.ABSENT,
            ]
        )
    return SignificanceChart(
        title=f"Against {against}",
        text=text,
        strips=strips,
        ticks=axis.ticks(3),
        gain=gain_of(comparison),
        readings=readings_of(comparison),
        rows=rows,
        notes=[show.text(note) for note in comparison.notes],
        pull=None if comparison.against_pr is None else show.pull_url(comparison.against_pr),
        number=comparison.against_pr,
    )


def drawable(comparison: Comparison) -> Comparison:
    """The comparison without numbers that no chart can hold."""
    names = ("mean_new", "mean_old", "std_new", "std_old", "gain_bpb", "gain_nats_per_token")
    kept: dict = {name: value if show.drawable(value := getattr(comparison, name)) else None for name in names}
    kept |= {name: tuple(filter(show.drawable, getattr(comparison, name))) for name in ("new", "old")}
    kept["ci"] = comparison.ci if comparison.ci and all(map(show.drawable, comparison.ci)) else None
    kept["margin_nats"] = comparison.margin_nats if show.drawable(comparison.margin_nats) else 0.005
    return comparison.model_copy(update=kept)


def sample_std(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    mean = fsum(values) / len(values)
    return sqrt(fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def interval_of(values: Sequence[float], mean: float | None, std: float | None, n: int) -> tuple[float, float] | None:
    """Two-sided 90 % interval of a mean by Student's t."""
    std = sample_std(values) if std is None else std
    if mean is None or std is None or not 2 <= n < N_MAX:
        return None
    half = quantile((1 - CONFIDENCE) / 2, n - 1) * std / sqrt(n)
    return mean - half, mean + half


def gain_of(comparison: Comparison) -> Gain | None:
    gain = comparison.gain_bpb
    if gain is None:
        return None
    marks = [(0.0, "0", "zero")]
    nats = comparison.gain_nats_per_token
    if nats and gain:
        marks.append((comparison.margin_nats * gain / nats, f"{comparison.margin_nats:g} nats per token", "token"))
    marks.append((comparison.margin_nats / log(2), f"{comparison.margin_nats:g} nats per byte", "byte"))
    axis = Axis(*span([gain, *(comparison.ci or ()), *(value for value, _, _ in marks)], 0.08), LEFT, RIGHT)
    interval = None if comparison.ci is None else (axis.at(comparison.ci[0]), axis.at(comparison.ci[1]))
    said = (
        ""
        if comparison.ci is None
        else f", 90 % interval {show.signed(comparison.ci[0])} to {show.signed(comparison.ci[1])}"
    )
    text = (
        f"Gain {show.signed(gain)} bits per byte{said}; lines at "
        + ", ".join(f"{label} ({value:.5f})" for value, label, _ in marks)
        + "."
    )
    return Gain(
        axis.at(gain),
        interval,
        [Mark(axis.at(value), label, style) for value, label, style in marks],
        axis.ticks(4),
        text,
    )


def readings_of(comparison: Comparison) -> list[Reading]:
    """The rule as written, in both readings of "nats", and as the board applied it (PR 1902, PR 2146)."""
    margin = f"{comparison.margin_nats:g}"
    return [
        reading("README, per token", f"{margin} nats per token at p < 0.01", comparison.p_margin_token, 0.01),
        reading("README, per byte", f"{margin} nats per byte at p < 0.01", comparison.p_margin_byte, 0.01),
        reading("Board", "any gain at p < 0.25", comparison.p, 0.25),
    ]


def reading(name: str, asks: str, p: float | None, below: float) -> Reading:
    return Reading(name, asks, show.p_value(p), None if p is None else p < below)
