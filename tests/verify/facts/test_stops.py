"""What ended the training of a run."""

import pytest

from verify.facts.stops import budget_seconds, stop_of
from verify.logs.model import Event, Run, SeedResult, Value


def result(seconds, steps=4900, budget=600.0, by_clock=True, iterations=20_000, **settings):
    run = Run("train.log", 0, 1, 99, train_seconds=Value(seconds, 9, "stop"), steps=Value(steps, 9, "stop"))
    run.max_wallclock_seconds = Value(budget, 2, "max_wallclock_seconds")
    run.iterations = Value(iterations, 3, "iterations")
    run.stopped_by_clock = Value(by_clock, 9, "stop") if by_clock else None
    run.settings = {name: Value(value, 4, name) for name, value in settings.items()}
    return SeedResult(run, "claimed", 42)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (result(600.1), "clock"),
        (result(588.0, gptq_reserve_seconds="12.0"), "clock"),
        (result(602.048), "forced"),
        (result(596.0, force_stop_step="4900"), "forced"),
        (result(596.0, gptq_reserve_seconds="4.0", force_stop_step="0"), "clock"),
        (result(500.0, by_clock=False, steps=20_000), "steps"),
    ],
)
def test_the_clock_a_forced_step_and_the_last_step_are_told_apart(made, kind):
    stop = stop_of(made)
    assert stop is not None
    assert stop.kind == kind


def test_a_run_that_ends_early_without_a_word_is_not_told():
    assert stop_of(result(300.0, by_clock=False, steps=2000)) is None


def test_the_printed_reserve_is_worth_more_than_the_setting():
    made = result(588.0, gptq_reserve_seconds="9.0")
    assert budget_seconds(made.run) == 591.0
    made.run.events = [Event("reserve", {"effective_seconds": 588.0}, 5, "reserving")]
    assert budget_seconds(made.run) == 588.0
