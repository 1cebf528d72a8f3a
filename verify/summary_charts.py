"""What the charts of a verdict are drawn from: curves of loss, bytes by measure, phases against the clocks."""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Literal

from verify.facts.clocks import NEEDED_EVENTS, late_calibrations, timer
from verify.facts.sizes import Total, totals
from verify.logs.model import Point, Run, SeedResult
from verify.rule import Case
from verify.verdict import Curve, Phase, SizeRow

Budget = Literal["train", "eval", "outside"]
POINTS_MAX = 240  # of one curve; a chart 700 pixels wide shows no more
CURVES_MAX = 16
SAME_SCORE_BPB = 2e-6
PHASES_MAX = 12  # of one run
MEASURES = {"logged": "as logged", "shipped": "script as shipped", "helpers": "script and helpers as shipped"}


def thinned(points: Sequence[tuple[int, float]], points_max: int = POINTS_MAX) -> tuple[tuple[int, float], ...]:
    """At most `points_max` points, first and last among them, at even distances."""
    if len(points) <= points_max:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[round(index * last / (points_max - 1))] for index in range(points_max))


def series(points: Iterable[Point], name: str) -> tuple[tuple[int, float], ...]:
    """The losses of one kind by step, in nats per token; where a step is printed twice, its last line."""
    found = {point.step: value for point in points if (value := getattr(point, name)) is not None and isfinite(value)}
    return thinned(sorted(found.items()))


def curve_rows(case: Case, results: Sequence[SeedResult]) -> tuple[Curve, ...]:
    """Training and validation loss of the claimed runs, then those of the record before."""
    rows: list[Curve] = []
    for result in results:
        if result.run.curve and len(rows) < CURVES_MAX:
            name = f"run {len(rows) + 1}" if result.seed is None else f"seed {result.seed}"
            train, validation = series(result.run.curve, "train_loss"), series(result.run.curve, "val_loss")
            rows.append(Curve(name=name, seed=result.seed, file=result.run.file, train=train, validation=validation))
    return (*rows, *previous_curves(case))


def previous_curves(case: Case) -> tuple[Curve, ...]:
    from verify.stats.curves import previous_record_curves

    return tuple(previous_record_curves(case))


def size_rows(case: Case, results: Sequence[SeedResult]) -> tuple[SizeRow, ...]:
    """Bytes of every run by each measure in use, the same that the rules weigh, and what is claimed of all."""
    rows = [
        SizeRow(
            seed=result.seed,
            measure=MEASURES[total.measure],
            code_bytes=total.code_bytes,
            model_bytes=total.model_bytes,
            total_bytes=total.total_bytes,
            source=source(total),
        )
        for result in results
        for total in totals(case, result).values()
    ]
    metadata = case.submission.metadata
    if metadata.artifact_bytes is not None:
        rows.append(
            SizeRow(
                seed=None,
                measure="claimed",
                code_bytes=metadata.code_bytes,
                model_bytes=metadata.model_bytes,
                total_bytes=metadata.artifact_bytes,
                source=metadata.file or "",
            )
        )
    return tuple(rows)


def source(total: Total) -> str:
    """The first line that the measure rests on."""
    place = total.places[0] if total.places else None
    return "" if place is None else place.file + ("" if place.line is None else f":{place.line}")


def phase_rows(results: Sequence[SeedResult]) -> tuple[Phase, ...]:
    """Timed stretches of the runs, each under the budget it counts against; `outside` is what no budget counts."""
    rows: list[Phase] = []
    for result in results:
        found = [*train_phases(result), *eval_phases(result)]
        rows += [row for row in found if isfinite(row.seconds) and row.seconds >= 0][:PHASES_MAX]
    return tuple(rows)


def train_phases(result: SeedResult) -> list[Phase]:
    run = result.run
    rows = []
    if clock := run.train_seconds:
        rows.append(phase(result, run, "training", clock.value, "train", clock.line))
    for part in late_calibrations(run):
        if part.seconds is not None:
            # Text made by the model itself reads no training data, and was merged after the 600 s (PR 1019).
            budget: Budget = (
                "outside" if part.data in ("generated", "random") else "eval" if part.data == "val" else "train"
            )
            name = f"calibration ({part.data})" if part.data else "calibration"
            rows.append(phase(result, run, name, part.seconds, budget, part.line))
    return rows


def eval_phases(result: SeedResult) -> list[Phase]:
    """The claimed evaluation inside its budget; other evaluations and set-up beside it."""
    run, claimed, clock = result.metric_run or result.run, result.metric, timer(result)
    rows = []
    if clock is not None:
        line = clock.places[0].line or (claimed.line if claimed else run.first_line)
        rows.append(phase(result, run, claimed.label if claimed else "evaluation", clock.seconds, "eval", line))
    # A score is often printed twice, rounded and exact, with one time or with two clocks around one pass.
    seen = {clock.seconds} if clock else set()
    for metric in run.metrics:
        if metric.eval_seconds is None or metric.eval_seconds in seen or metric.family == "step":
            continue
        if claimed and claimed.val_bpb and metric.val_bpb and abs(metric.val_bpb - claimed.val_bpb) < SAME_SCORE_BPB:
            continue
        seen.add(metric.eval_seconds)
        rows.append(phase(result, run, metric.label, metric.eval_seconds, "outside", metric.line))
    for event in run.events:
        seconds = event.fields.get("seconds")
        if isinstance(seconds, int | float):
            budget: Budget = "eval" if event.kind in NEEDED_EVENTS else "outside"
            rows.append(phase(result, run, event.kind.replace("_", " "), float(seconds), budget, event.line))
    return rows


def phase(result: SeedResult, run: Run, name: str, seconds: float, budget: Budget, line: int) -> Phase:
    return Phase(seed=result.seed, name=name, seconds=seconds, budget=budget, file=run.file, line=line)
