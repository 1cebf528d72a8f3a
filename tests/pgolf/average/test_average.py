import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pgolf.core.load import load
from tests.recipes import build_model, model_cfg, quick, tree


def module(*values):
    built = nn.Module()
    for i, (value, dtype) in enumerate(values):
        built.register_parameter(f"p{i}", nn.Parameter(torch.tensor(value, dtype=dtype)))
    return built


def average_of(model, **fields):
    cfg = tree(**fields)
    return load("average", cfg).build(cfg, model)


def test_ema_is_its_closed_form():
    """E_n = d^n W_0 + (1 - d) sum_i d^(n - i) W_i."""
    model, decay, steps = module(([1.0, -2.0], torch.float32)), 0.9, 7
    history = [model.p0.detach().clone()]
    ema = average_of(model, kind="ema", decay=decay)
    for step in range(1, steps + 1):
        with torch.no_grad():
            model.p0 += step * torch.tensor([1.0, 0.5])
        history.append(model.p0.detach().clone())
        ema.update(1.0, 1)
    later = sum(decay ** (steps - i) * history[i] for i in range(1, steps + 1))
    expected = decay**steps * history[0] + (1 - decay) * later
    ema.apply()
    torch.testing.assert_close(model.p0.detach(), expected)


def test_ema_of_weights_that_stay_is_those_weights():
    model = build_model(model_cfg())
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    ema = average_of(model, kind="ema", decay=0.997)
    for _ in range(5):
        ema.update(1.0, 1)
    ema.apply()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=1e-6)


def test_ema_of_bfloat16_weights_is_kept_in_float32():
    """A step of 1/1024 of the way is lost in bfloat16, and not in the average."""
    model = module((1.0, torch.bfloat16))
    ema = average_of(model, kind="ema", decay=1 - 1 / 1024)
    with torch.no_grad():
        model.p0.fill_(2.0)
    for _ in range(1024):
        ema.update(1.0, 1)
    ema.apply()
    assert model.p0.dtype == torch.bfloat16
    assert model.p0.item() == pytest.approx(2 - 0.3677, abs=0.01)


def test_updating_an_average_leaves_the_weights_alone():
    model = module(([1.0, 2.0], torch.float32))
    ema = average_of(model, kind="ema", decay=0.5)
    with torch.no_grad():
        model.p0.fill_(9.0)
    ema.update(1.0, 1)
    assert model.p0.tolist() == [9.0, 9.0]


def test_without_an_average_the_last_weights_are_the_result():
    model = module(([1.0, 2.0], torch.float32))
    last = average_of(model, kind="last")
    with torch.no_grad():
        model.p0.fill_(9.0)
    last.update(1.0, 1)
    last.apply()
    assert model.p0.tolist() == [9.0, 9.0]


SWA = {"kind": "swa", "every_steps": 3, "below_multiplier": 0.5, "sum_dtype": "float32"}


def after_swa(multipliers, dtype=torch.float32, **changes):
    """The result of SWA over weights that are 1, 2, 3, ... (and -1, -2, -3, ...) after steps 1, 2, 3, ..."""
    model = module(([1.0, -1.0], dtype))
    swa = average_of(model, **{**SWA, **changes})
    for step, multiplier in enumerate(multipliers, 1):
        with torch.no_grad():
            model.p0.copy_(torch.tensor([step, -step]))
        swa.update(multiplier, step)
    swa.apply()
    return model.p0


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 4), st.floats(0.1, 0.9))
def test_swa_is_the_mean_of_the_weights_after_every_so_many_steps_at_a_low_rate(multipliers, every, below):
    taken = [step for step, m in enumerate(multipliers, 1) if m < below and step % every == 0]
    expected = np.mean(taken) if len(taken) > 1 else len(multipliers)
    found = after_swa(multipliers, every_steps=every, below_multiplier=below).tolist()
    assert found == pytest.approx([expected, -expected], rel=1e-6)


def test_fewer_than_two_snapshots_leave_the_last_weights_and_the_run_says_how_many_there_were(capsys):
    assert after_swa([1.0, 1.0, 0.1, 1.0]).tolist() == [4.0, -4.0]
    assert after_swa([0.1] * 7).tolist() == [4.5, -4.5]
    assert capsys.readouterr().out.splitlines() == [
        "swa:averaged 1 checkpoints, the first of step 3",
        "swa:averaged 2 checkpoints, the first of step 3",
    ]


@pytest.mark.parametrize(("sum_dtype", "expected"), [("float32", 1.0), ("parameter", 256 / 600)])
def test_a_sum_in_bfloat16_loses_what_one_in_float32_keeps(sum_dtype, expected):
    """256 + 1 is 256 in bfloat16."""
    model = module((1.0, torch.bfloat16))
    swa = average_of(model, **{**SWA, "every_steps": 1, "sum_dtype": sum_dtype})
    for step in range(1, 601):
        swa.update(0.1, step)
    swa.apply()
    assert model.p0.dtype == torch.bfloat16
    assert model.p0.item() == pytest.approx(expected, rel=2**-8)
