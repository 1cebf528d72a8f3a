"""Figures that are claimed of a run beside those its log prints, and when the two agree."""

from dataclasses import dataclass

from verify.facts.clocks import timer
from verify.facts.sizes import logged
from verify.finding import Place
from verify.logs.model import SeedResult
from verify.logs.scores import DIGITS_MAX, printed_decimals
from verify.submission.model import SeedClaim

# How far a claim may be off, for figures that are rounded at will.
SECONDS_SHARE_MAX = 0.002


@dataclass(frozen=True, slots=True)
class Field:
    """One figure: as claimed, as logged (all values that would do), and where the log says it."""

    name: str
    claimed: float
    logged: tuple[float, ...]
    place: Place | None
    unit: float  # the last decimal of the claim


def claimed_fields(claim: SeedClaim, result: SeedResult) -> list[Field]:
    """What a claim says of a run that its log says too."""
    run, metric = result.run, result.metric
    score_run = result.metric_run or run
    found: list[Field] = []

    def add(name: str, claimed: float | None, logged: tuple[float, ...], place: Place | None, unit: float) -> None:
        if claimed is not None and logged:
            found.append(Field(name, float(claimed), logged, place, unit))

    if metric is not None:
        place = score_run.place(metric)
        printed = (
            printed_decimals(metric) or DIGITS_MAX
        )  # a claim may have more decimals than its log: no contradiction
        if metric.val_bpb is not None:
            decimals = min(printed, claim.digits or digits(claim.val_bpb))
            add("val_bpb", claim.val_bpb, (metric.val_bpb,), place, 10.0**-decimals)
        if metric.val_loss is not None:
            decimals = min(printed, digits(claim.val_loss))
            add("val_loss", claim.val_loss, (metric.val_loss,), place, 10.0**-decimals)
    totals = [size for of in (score_run, run) for size in logged(of, "total")]
    sizes = [size for of in (score_run, run) for measure in ("total", "model") for size in logged(of, measure)]
    if totals:
        unit = trailing_unit(claim.artifact_bytes)
        known = tuple(float(size.bytes) for size in sizes)
        add("artifact bytes", claim.artifact_bytes, known, run.place(totals[-1]), unit)
    if run.steps is not None:
        add("steps", claim.steps, (float(run.steps.value),), run.place(run.steps), trailing_unit(claim.steps, 10))
    if run.train_seconds is not None:
        clock = run.train_seconds
        add("training seconds", claim.train_seconds, (clock.value,), run.place(clock), 1.0)
    evaluation = timer(result)
    if evaluation is not None:
        values = [evaluation.seconds]
        values += [metric.eval_seconds] if metric and metric.eval_seconds is not None else []
        add("evaluation seconds", claim.eval_seconds, tuple(values), evaluation.places[0], 1.0)
    return found


def agrees(field: Field) -> bool:
    """Whether one of the logged values gives the claim at the claim's own digits, rounded or cut off."""
    slack = field.unit
    if field.name.endswith("seconds"):
        slack = max(slack, SECONDS_SHARE_MAX * field.claimed)
    return any(abs(field.claimed - value) < slack * (1 + 1e-6) or field.claimed == value for value in field.logged)


def digits(value: float | None) -> int:
    """Decimals a number is written with, as far as a float still tells."""
    return 8 if value is None else max(len(repr(float(value)).partition(".")[2]), 3)


def trailing_unit(value: float | None, most: int = 1_000_000) -> float:
    """The unit a whole number seems to be rounded to: 15,900,000 to 100,000."""
    if not value:
        return 1.0
    unit = 1
    while value % (unit * 10) == 0 and unit < most:
        unit *= 10
    return float(unit) if unit >= 100 or most < 100 else 1.0


def shown(value) -> str:
    if isinstance(value, tuple):
        return " or ".join(dict.fromkeys(shown(part) for part in value[:3]))
    return (
        f"{value:,.0f}"
        if float(value).is_integer() and abs(value) >= 1000
        else f"{value:g}"
        if abs(value) >= 100
        else f"{value:.8g}"
    )
