"""What stopped the training of a run: the clock, a number of steps, or a number of steps set below what was asked for."""

from dataclasses import dataclass

from verify.finding import Place
from verify.logs.model import Run, SeedResult

FORCED = ("force_stop_step", "forced_stop_step", "stop_step", "stop_at_step")
STEPS_LATE = 1.5  # how long after its time the clock stops a loop


@dataclass(frozen=True, slots=True)
class Stop:
    """kind: clock, steps, forced. budget_seconds: when the clock was to stop it."""

    kind: str
    budget_seconds: float | None
    places: tuple[Place, ...]

    def __str__(self) -> str:
        if self.kind == "clock":
            return "by the clock" + (f" of {self.budget_seconds:g} s" if self.budget_seconds is not None else "")
        return "at a forced step" if self.kind == "forced" else "after all its steps"


def forced_step(run: Run) -> int | None:
    """A step number set by a switch of the script; 0 and empty mean that it is off."""
    for name in FORCED:
        value = run.settings.get(name)
        if value is not None and str(value.value).isdigit() and int(value.value) > 0:
            return int(value.value)
    return None


def budget_seconds(run: Run) -> float | None:
    """Seconds after which the loop stops: the cap less what is reserved for calibration."""
    for event in run.events:
        if event.kind == "reserve" and isinstance(left := event.fields.get("effective_seconds"), int | float):
            return float(left)
    cap = run.max_wallclock_seconds
    if cap is None:
        return None
    for name in ("gptq_reserve_seconds", "gptq_reserve_ms"):
        reserve = run.settings.get(name)
        if reserve is not None:
            try:
                value = float(reserve.value)
            except ValueError:
                return None
            return cap.value - (value / 1000 if name.endswith("_ms") else value)
    return cap.value


def stop_of(result: SeedResult) -> Stop | None:
    """How the training of one run ended, as far as its log tells."""
    run = result.run
    places = tuple(run.place(value) for value in (run.stopped_by_clock, run.train_seconds) if value is not None)[:1]
    forced = forced_step(run)
    if forced is not None and run.steps is not None and run.steps.value == forced:
        return Stop("forced", None, places)
    if run.stopped_by_clock is not None and run.stopped_by_clock.value:
        budget = budget_seconds(run)
        ended, steps = run.train_seconds, run.steps
        if budget is not None and ended is not None and steps is not None and steps.value > 0:
            # The line names the clock, but the loop went on after the time was up.
            slack = max(STEPS_LATE * ended.value / steps.value, 1.0)
            if ended.value > budget + slack:
                return Stop("forced", None, places)
        return Stop("clock", budget, places)
    if run.steps is not None and run.iterations is not None and run.steps.value == run.iterations.value:
        return Stop("steps", None, (run.place(run.steps),))
    return None
