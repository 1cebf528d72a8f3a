"""Seconds of a run by each clock in use: the training loop, calibration after it, evaluation by three readings."""

from dataclasses import dataclass

from verify.facts.runs import is_near
from verify.finding import Place
from verify.logs.model import Calibration, Run, SeedResult

# Work on validation tokens that the score needs, printed outside its timer in some scripts.
NEEDED_EVENTS = frozenset({"prefill", "precompute", "ngram_precompute", "ttt_prefix", "second_pass", "slot", "sweep"})
ADAPTATION_EVENTS = frozenset({"ttt_done", "prequant_ttt_done"})
WARM_UP_EVENTS = frozenset({"ttt_warmup", "compile_warmup", "warmup", "eval_warmup"})
SAME_SECONDS = 0.5
SAME_LINES_MAX = 3


@dataclass(frozen=True, slots=True)
class Clock:
    """A stretch of time and the lines that give it."""

    seconds: float
    places: tuple[Place, ...]


def training(result: SeedResult) -> Clock | None:
    """The script's own clock at its last step. Compiling and warm-up before it are not in it."""
    seconds = result.run.train_seconds
    return None if seconds is None else Clock(seconds.value, (result.run.place(seconds),))


def late_calibrations(run: Run) -> list[Calibration]:
    """What collects statistics after the training clock was read."""
    if run.train_seconds is None:
        return []
    return [part for part in run.calibrations if part.line > run.train_seconds.line]


def passes(run: Run) -> list[tuple[str, float, Place]]:
    """Timed evaluations after training, each once: a score is often printed twice, rounded and exact, with one time."""
    found: dict[float, tuple[str, float, Place]] = {}
    for metric in run.metrics:
        if metric.eval_seconds is not None and metric.family != "step":
            found.setdefault(round(metric.eval_seconds, 3), (metric.label, metric.eval_seconds, run.place(metric)))
    return list(found.values())


def timer(result: SeedResult) -> Clock | None:
    """The pass that gives the score, or the total that the script prints where that is longer."""
    run = result.metric_run or result.run
    found = []
    if result.metric is not None and result.metric.eval_seconds is not None:
        found.append(Clock(result.metric.eval_seconds, (run.place(result.metric),)))
    elif result.metric is not None:
        # The same score printed again, with its time.
        same = [m for m in run.metrics if m.eval_seconds is not None and is_near(m.val_bpb, result.metric.val_bpb)]
        found += [
            Clock(metric.eval_seconds, (run.place(metric),)) for metric in same[:1] if metric.eval_seconds is not None
        ]
    if run.total_eval_seconds is not None:
        found.append(Clock(run.total_eval_seconds.value, (run.place(run.total_eval_seconds),)))
    clock = max(found, key=lambda clock: clock.seconds, default=None)
    return clock and plus_adaptation(clock, run)


def plus_adaptation(clock: Clock, run: Run) -> Clock:
    """Training on validation tokens before the timed pass is evaluation too; where it is longer, the timer has left it out."""
    seconds, places = clock.seconds, clock.places
    told: list[tuple[float, int]] = []
    for event in run.events:
        value = event.fields.get("seconds")
        if event.kind in ADAPTATION_EVENTS and isinstance(value, int | float) and value > clock.seconds + 1:
            if any(abs(value - other) < SAME_SECONDS and event.line - line <= SAME_LINES_MAX for other, line in told):
                continue  # one duration, printed by the function and by its caller
            told.append((float(value), event.line))
            seconds += float(value)
            places = (*places, run.place(event))
    return Clock(seconds, places)


def needed(result: SeedResult) -> Clock | None:
    """The timer and what the score needs beside it: precompute, prefill, first passes."""
    clock = timer(result)
    if clock is None:
        return None
    run = result.metric_run or result.run
    return plus(clock, run, NEEDED_EVENTS)


def everything(result: SeedResult) -> Clock | None:
    """Every timed pass after training, needed or diagnostic, with precompute and compile warm-up."""
    run = result.metric_run or result.run
    parts = passes(run)
    clock = timer(result)
    if clock is None:
        return None
    seconds = sum(part[1] for part in parts)
    places = tuple(part[2] for part in parts)
    if seconds < clock.seconds:
        seconds, places = clock.seconds, clock.places
    return plus(Clock(seconds, places), run, NEEDED_EVENTS | WARM_UP_EVENTS)


def plus(clock: Clock, run: Run, kinds: frozenset[str]) -> Clock:
    seconds, places = clock.seconds, list(clock.places)
    for event in run.events:
        value = event.fields.get("seconds")
        if event.kind in kinds and isinstance(value, int | float) and value > 0:
            seconds += float(value)
            places.append(run.place(event))
    return Clock(seconds, tuple(places))
