import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.optim import muon
from pgolf.optim.schedule import warmdown_fraction, warmdown_steps
from pgolf.optim.schedule.progress import Progress
from tests.golden.load import assert_close, settings, tensors
from tests.recipes import muon_cfg, quick, tree

GOLDEN, SETTINGS = tensors("schedules"), settings("schedules")
LATER, BASELINE = SETTINGS.sp8192, SETTINGS.baseline
fraction = st.floats(0, 1)


def column(values):
    return torch.tensor(values, dtype=torch.float64)


def test_there_are_three_published_warmdowns():
    assert len(LATER.cases) == 3


@pytest.mark.parametrize("i", range(3))
def test_the_warmdown_over_a_fraction_is_the_published_one(i):
    cfg = tree(fraction=LATER.cases[i].warmdown_frac, floor=LATER.cases[i].min_lr)
    steps = 10**9
    found = [warmdown_fraction.multiplier(cfg, Progress(f * steps, steps)) for f in GOLDEN["sp8192.frac"].tolist()]
    assert_close(column(found), GOLDEN[f"sp8192.{i}.lr_mul"], "schedules", "all")


def test_the_fraction_of_a_run_is_the_published_one_by_steps_and_by_the_clock():
    places = GOLDEN["sp8192.training_frac_in"].tolist()
    by_steps = [Progress(step, LATER.iterations).fraction for step, _ in places]
    cap = LATER.wallclock_cap_ms / 1000
    by_clock = [Progress(step, LATER.iterations, ms / 1000, cap).fraction for step, ms in places]
    assert_close(column(by_steps), GOLDEN["sp8192.training_frac_steps"], "schedules", "all")
    assert_close(column(by_clock), GOLDEN["sp8192.training_frac_wallclock"], "schedules", "all")


def test_the_momentum_ramp_is_the_published_one():
    ramp = LATER.momentum
    cfg = muon_cfg(momentum={"first": ramp.start, "last": ramp.end, "steps": ramp.steps})
    optimizer = muon.build(cfg, [torch.nn.Parameter(torch.zeros(2, 2))])
    found = [optimizer.momentum(step) for step in GOLDEN["sp8192.momentum_step"].tolist()]
    assert_close(column(found), GOLDEN["sp8192.momentum"], "schedules", "all")


def test_the_baselines_warmdown_is_the_published_one_by_steps_and_by_the_clock():
    cfg = tree(steps=BASELINE.warmdown_iters)
    places, cap = GOLDEN["baseline.in"].tolist(), BASELINE.wallclock_cap_ms / 1000
    runs = [step < BASELINE.iterations for step, _ in places]
    assert runs.count(False) == 1  # the published factor of the step after the last is 1; no such step is run
    by_steps = [warmdown_steps.multiplier(cfg, Progress(step, BASELINE.iterations)) for step, _ in places]
    clocks = [Progress(step, BASELINE.iterations, ms / 1000, cap) for step, ms in places]
    by_clock = [warmdown_steps.multiplier(cfg, progress) for progress in clocks]
    assert_close(column(by_steps)[runs], GOLDEN["baseline.lr_mul_steps"][runs], "schedules", "all")
    assert_close(column(by_clock), GOLDEN["baseline.lr_mul_wallclock"], "schedules", "all")


@quick
@given(part=fraction, floor=fraction, places=st.lists(st.floats(0, 1.5), min_size=2, max_size=9))
def test_a_warmdown_over_a_fraction_never_rises_and_ends_at_its_floor(part, floor, places):
    cfg = tree(fraction=part, floor=floor)
    found = [warmdown_fraction.multiplier(cfg, Progress(0, 1, place, 1.0)) for place in sorted(places)]
    assert found == sorted(found, reverse=True)
    assert all((floor if part else 1) <= value <= 1 for value in found)
    end = warmdown_fraction.multiplier(cfg, Progress(0, 1, 1.0, 1.0))
    assert end == (floor if part else 1)


@quick
@given(steps=st.integers(0, 300), total=st.integers(1, 300), data=st.data())
def test_a_warmdown_over_steps_never_rises_and_would_reach_zero_after_the_last(steps, total, data):
    cfg = tree(steps=steps)
    places = sorted(data.draw(st.lists(st.integers(0, total - 1), min_size=2, max_size=9)))
    found = [warmdown_steps.multiplier(cfg, Progress(step, total)) for step in places]
    assert found == sorted(found, reverse=True)
    assert all(0 < value <= 1 for value in found)
    last = warmdown_steps.multiplier(cfg, Progress(total - 1, total))
    assert last == (1 / steps if steps else 1)


@quick
@given(steps=st.integers(1, 300), step=st.integers(0, 10**5), seconds=st.floats(0, 700))
def test_a_warmdown_by_the_clock_stays_between_zero_and_one_and_is_zero_when_time_is_up(steps, step, seconds):
    cfg = tree(steps=steps)
    assert 0 <= warmdown_steps.multiplier(cfg, Progress(step, 20000, seconds, 600.0)) <= 1
    assert warmdown_steps.multiplier(cfg, Progress(step, 20000, max(seconds, 600.0), 600.0)) == 0


def test_a_run_shorter_than_its_warmdown_starts_below_one():
    assert warmdown_steps.multiplier(tree(steps=100), Progress(0, 50)) == 0.5
