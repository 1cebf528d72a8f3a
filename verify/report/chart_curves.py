"""Loss curves of all seeds over each other and over those of the previous record: the whole run, and its last quarter."""

from collections.abc import Sequence
from dataclasses import dataclass

from verify.report import show
from verify.report.scale import Axis, Tick, span
from verify.verdict import Curve, Verdict

STYLES = 8  # colours and dashes in report.css
HEIGHT = 300  # pixels
LEFT, RIGHT = 9.0, 99.0  # percent
TOP, BOTTOM = 12.0, 268.0
VIEW = 1000.0  # units of the box that lines are drawn in; it is stretched over the plot
START_FRACTION = 0.03  # of the steps: what lies before decides no axis
TABLE_ROWS = 14
PREVIOUS_STYLES = 3


@dataclass(frozen=True, slots=True)
class Line:
    style: str
    number: int  # in the legend
    points: str


@dataclass(frozen=True, slots=True)
class Dot:
    style: str
    number: int
    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class CurveChart:
    key: str
    title: str
    text: str
    lines: list[Line]
    dots: list[Dot]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    height: int = HEIGHT
    left: float = LEFT
    width: float = RIGHT - LEFT
    top: float = TOP
    inner: float = BOTTOM - TOP


@dataclass(frozen=True, slots=True)
class Curves:
    """Both charts, their common legend, and a table that says the same."""

    charts: list[CurveChart]
    legend: list[tuple[str, str]]  # style, name
    header: list[str]
    rows: list[list[str]]


def styles_of(curves: Sequence[Curve]) -> list[str]:
    """A style for each curve: s0 to s7 for seeds, p0 to p2 for the record before."""
    seeds = previous = 0
    found = []
    for curve in curves:
        if curve.is_previous_record:
            found.append(f"p{previous % PREVIOUS_STYLES}")
            previous += 1
        else:
            found.append(f"s{seeds % STYLES}")
            seeds += 1
    return found


def curves_of(verdict: Verdict) -> Curves | None:
    """None where no log has a curve."""
    drawn = [drawable(curve) for curve in verdict.curves]
    curves = [curve for curve in drawn if len(curve.train) + len(curve.validation) > 1]
    steps = [step for curve in curves for step, _ in (*curve.train, *curve.validation)]
    if not curves or max(steps) <= min(steps):
        return None
    styles = styles_of(curves)
    last = max(steps)
    whole = chart("whole", "Loss over the whole run", curves, styles, (0, last), last * START_FRACTION)
    charts = [whole]
    late = [value for curve in curves for step, value in (*curve.train, *curve.validation) if step >= 0.75 * last]
    if len(late) >= 2:
        charts.append(chart("late", "Loss over the last quarter", curves, styles, (0.75 * last, last), 0.75 * last))
    legend = [(style, show.text(curve.name)) for style, curve in zip(styles, curves, strict=True)]
    return Curves(charts, legend, *table(curves))


def drawable(curve: Curve) -> Curve:
    """The curve without points that no chart can hold."""
    kept = [
        tuple(p for p in points if p[0] >= 0 and all(map(show.drawable, p)))
        for points in (curve.train, curve.validation)
    ]
    return curve.model_copy(update={"train": kept[0], "validation": kept[1]})


def chart(
    key: str, title: str, curves: Sequence[Curve], styles: Sequence[str], steps: tuple[float, float], from_: float
) -> CurveChart:
    values = [
        value for curve in curves for step, value in (*curve.train, *curve.validation) if from_ <= step <= steps[1]
    ]
    low, high = span(values)
    down = Axis(low, high, BOTTOM, TOP)
    across = Axis(steps[0], steps[1], LEFT, RIGHT)
    x_view, y_view = Axis(steps[0], steps[1], 0.0, VIEW), Axis(low, high, VIEW, 0.0)
    lines, dots = [], []
    for number, (curve, style) in enumerate(zip(curves, styles, strict=True)):
        name = show.text(curve.name)
        points = [f"{x_view.at(step):.5g},{y_view.at(value):.5g}" for step, value in around(curve.train, steps)]
        if len(points) > 1:
            lines.append(Line(style, number, " ".join(points)))
        dots += [
            Dot(style, number, across.at(step), down.at(value), f"{name}, step {step:,}: validation loss {value:.4f}")
            for step, value in curve.validation
            if across.holds(step) and down.holds(value)
        ]
    # The record before lies under the seeds that are judged.
    lines.sort(key=lambda line: line.style[0] == "s")
    dots.sort(key=lambda dot: dot.style[0] == "s")
    seeds = sum(not curve.is_previous_record for curve in curves)
    ends = [curve.train[-1][1] for curve in curves if curve.train and not curve.is_previous_record]
    text = f"Nats per token by step, for {seeds} runs and {len(curves) - seeds} of the previous record. "
    text += "Lines: training. Rings: validation."
    if ends:
        text += f" The runs end at a training loss of {min(ends):.4f} to {max(ends):.4f}."
    return CurveChart(key, title, text, lines, dots, across.ticks(4), down.ticks(5))


def around(points: Sequence[tuple[int, float]], steps: tuple[float, float]) -> list[tuple[int, float]]:
    """Points of a range, and one before it, so that the line enters from the edge."""
    inside = [index for index, (step, _) in enumerate(points) if steps[0] <= step <= steps[1]]
    return list(points[max(0, inside[0] - 1) : inside[-1] + 1]) if inside else []


def table(curves: Sequence[Curve]) -> tuple[list[str], list[list[str]]]:
    """Training losses at some steps, then the last validation losses."""
    by_step = [dict(curve.train) for curve in curves]
    steps = sorted(set().union(*by_step))
    if len(steps) > TABLE_ROWS:
        steps = [steps[round(index * (len(steps) - 1) / (TABLE_ROWS - 1))] for index in range(TABLE_ROWS)]
    rows = [
        [f"{step:,}", *(f"{losses[step]:.4f}" if step in losses else show.ABSENT for losses in by_step)]
        for step in steps
    ]
    ends = [f"{curve.validation[-1][1]:.4f}" if curve.validation else show.ABSENT for curve in curves]
    return ["step", *(show.text(curve.name) for curve in curves)], [*rows, ["last validation", *ends]]
