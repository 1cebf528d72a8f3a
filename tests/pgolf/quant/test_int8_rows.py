import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.quant.int8_rows import quantize_tensor
from pgolf.quant.int_bits import dequantize
from tests.recipes import quick


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@quick
@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 999), st.floats(-3, 3))
def test_an_error_is_at_most_half_a_step_and_what_float16_loses_of_the_scale(rows, columns, seed, size):
    w = 10**size * random(rows, columns, seed=seed)
    q, scale = quantize_tensor(w, 1.0)
    error = (dequantize(q, scale) - w).abs()
    bound = (0.5 + 127 * 2**-11 + 1e-3) * scale.float()[:, None]
    assert (error <= bound).all()


def test_a_row_below_one_keeps_the_step_of_one_over_127():
    w = torch.stack([torch.zeros(8), torch.full((8,), 0.1), torch.full((8,), 2.0)])
    q, scale = quantize_tensor(w, 1.0)
    assert scale.tolist() == torch.tensor([1 / 127, 1 / 127, 2 / 127]).half().tolist()
    assert q[:, 0].tolist() == [0, 13, 127]


def test_what_is_beyond_the_quantile_is_clipped():
    w = torch.ones(1, 1000)
    w[0, 0] = -500.0
    q, scale = quantize_tensor(w, 0.99)
    assert q[0].tolist() == [-127] + [127] * 999
    assert scale.item() == pytest.approx(1 / 127, rel=1e-3)
