"""What GPTQ promises, against rounding and against a direct solution of the same problem."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.quant.gptq import quantize_matrix
from pgolf.quant.int_bits import dequantize, q_max
from tests.recipes import quick

GRIDS = [(4, 3.0), (5, 6.0), (6, 12.85), (8, 20.0)]
grids = pytest.mark.parametrize(("bits", "clip_sigmas"), GRIDS)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def random_hessian(width, seed, correlation=1.0):
    """Symmetric and positive definite; `correlation` 0 is diagonal."""
    x = random(2 * width, width, seed=seed) @ (torch.eye(width) + correlation * random(width, width, seed=seed + 1))
    return x.T @ x / (2 * width)


def hessian_error(w_OI, q_OI, scale_O, hessian_II):
    error = (w_OI - dequantize(q_OI, scale_O)).double()
    return ((error @ hessian_II.double()) * error).sum().item()


def by_solving(w_OI, hessian_II, bits, scale_O, damping):
    """GPTQ without Cholesky factors, in float64: each column in turn is rounded, after those not yet rounded took the
    values that make the damped error least.
    """
    w, s = w_OI.double(), scale_O.double()
    h = hessian_II.double() + damping * hessian_II.double().diagonal().mean() * torch.eye(len(hessian_II))
    order = torch.argsort(hessian_II.diagonal(), descending=True).tolist()
    q = torch.zeros_like(w)
    for n, j in enumerate(order):
        done = order[:n]
        rest = order[n:]
        error = w[:, done] - q[:, done] * s[:, None]
        moved = w[:, rest] + error @ h[done][:, rest] @ torch.linalg.inv(h[rest][:, rest])
        q[:, j] = torch.clamp(torch.round(moved[:, 0] / s), -q_max(bits), q_max(bits))
    return q


@quick
@given(st.integers(16, 32), st.integers(2, 24), st.integers(0, 9999), st.sampled_from(GRIDS), st.floats(0, 3))
def test_gptq_is_never_worse_than_rounding_in_the_hessian_norm(rows, columns, seed, grid, correlation):
    w, hessian = random(rows, columns, seed=seed), random_hessian(columns, seed + 7, correlation)
    rounded, scale = quantize_matrix(w, None, *grid, 0.01, 128)
    q, same_scale = quantize_matrix(w, hessian, *grid, 0.01, 128)
    assert torch.equal(scale, same_scale)
    assert hessian_error(w, q, scale, hessian) <= 1.02 * hessian_error(w, rounded, scale, hessian)


def test_gptq_more_than_halves_the_error_where_inputs_are_correlated():
    w, hessian = random(32, 48), random_hessian(48, 7)
    rounded, scale = quantize_matrix(w, None, 6, 12.85, 0.01, 128)
    q, _ = quantize_matrix(w, hessian, 6, 12.85, 0.01, 128)
    assert hessian_error(w, q, scale, hessian) < 0.5 * hessian_error(w, rounded, scale, hessian)


@grids
def test_gptq_is_the_direct_solution(bits, clip_sigmas):
    w, hessian = random(24, 20), random_hessian(20, 3)
    q, scale = quantize_matrix(w, hessian, bits, clip_sigmas, 0.01, 128)
    difference = (q - by_solving(w, hessian, bits, scale, 0.01)).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() <= 0.01


@pytest.mark.parametrize("block", [1, 7, 20, 64])
def test_the_size_of_a_block_changes_the_speed_and_not_the_codes(block):
    w, hessian = random(24, 20), random_hessian(20, 3)
    q, _ = quantize_matrix(w, hessian, 6, 12.85, 0.01, block)
    whole, _ = quantize_matrix(w, hessian, 6, 12.85, 0.01, 128)
    assert (q != whole).float().mean() <= 0.01


@grids
@pytest.mark.parametrize("size", [1.0, 37.5])
def test_with_inputs_that_are_not_correlated_gptq_is_plain_rounding(bits, clip_sigmas, size):
    w = random(16, 40)
    q, scale = quantize_matrix(w, size * torch.eye(40), bits, clip_sigmas, 0.01, 16)
    rounded, same_scale = quantize_matrix(w, None, bits, clip_sigmas, 0.01, 16)
    assert torch.equal(q, rounded)
    assert torch.equal(scale, same_scale)


def test_the_size_of_the_hessian_does_not_matter():
    w, hessian = random(16, 20), random_hessian(20, 3)
    q, _ = quantize_matrix(w, hessian, 6, 12.85, 0.01, 128)
    scaled, _ = quantize_matrix(w, 1024 * hessian, 6, 12.85, 0.01, 128)
    assert (q != scaled).float().mean() <= 0.01


def test_weights_and_hessian_are_left_as_they_are():
    w, hessian = random(16, 20), random_hessian(20, 3)
    hessian[4] = hessian[:, 4] = 0
    before = w.clone(), hessian.clone()
    quantize_matrix(w, hessian, 6, 12.85, 0.01, 8)
    assert torch.equal(w, before[0])
    assert torch.equal(hessian, before[1])


def test_an_input_that_is_never_active_costs_no_bytes_and_spoils_nothing():
    w, hessian = random(16, 20), random_hessian(20, 3)
    dead = [0, 4, 19]
    hessian[dead] = 0
    hessian[:, dead] = 0
    q, scale = quantize_matrix(w, hessian, 6, 12.85, 0.01, 128)
    rounded, _ = quantize_matrix(w, None, 6, 12.85, 0.01, 128)
    assert not q[:, dead].any()
    assert scale.isfinite().all()
    assert hessian_error(w, q, scale, hessian) <= hessian_error(w, rounded, scale, hessian)


def test_a_hessian_of_nothing_but_dead_inputs_gives_zeros():
    q, scale = quantize_matrix(random(4, 8), torch.zeros(8, 8), 6, 12.85, 0.01, 128)
    assert not q.any()
    assert scale.isfinite().all()


@grids
@pytest.mark.parametrize("value", [0.0, 1.0, -0.25, 1e-3, 1e-6, 300.0])
def test_a_constant_row_is_neither_nan_nor_lost(bits, clip_sigmas, value):
    """The published script divides by zero here."""
    w = random(4, 40)
    w[1] = value
    for hessian in (None, random_hessian(40, 3), torch.eye(40)):
        q, scale = quantize_matrix(w, hessian, bits, clip_sigmas, 0.01, 128)
        assert scale.isfinite().all()
        assert (scale > 0).all()
        restored = dequantize(q, scale)
        assert restored.isfinite().all()
    rounded = dequantize(*quantize_matrix(w, None, bits, clip_sigmas, 0.01, 128))
    assert rounded[1].tolist() == pytest.approx([value] * 40, rel=0.01, abs=2e-7)


def test_rows_do_not_influence_one_another():
    w, hessian = random(6, 20), random_hessian(20, 3)
    together, scale = quantize_matrix(w, hessian, 6, 12.85, 0.01, 128)
    for i in range(6):
        alone, one = quantize_matrix(w[i : i + 1], hessian, 6, 12.85, 0.01, 128)
        assert torch.equal(one, scale[i : i + 1])
        assert (alone[0] != together[i]).sum() <= 1
