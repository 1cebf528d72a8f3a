import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.quant.clip_sd import scales
from pgolf.quant.gptq import quantize_matrix
from pgolf.quant.int_bits import dequantize, q_max, round_to
from tests.recipes import quick

# bits, clip_sigmas, entropy in bits a weight of a Gaussian row: sums over the grid, by hand
EXACT = [
    (4, 3.0, 3.2750),
    (5, 3.0, 4.3640),
    (5, 6.425, 3.2812),
    (6, 10.0, 3.6856),
    (6, 11.5, 3.4860),
    (6, 12.0, 3.4253),
    (6, 12.85, 3.3279),
    (6, 13.0, 3.3113),
    (7, 14.0, 4.2200),
    (7, 15.0, 4.1209),
    (7, 25.7, 3.3506),
    (8, 20.0, 4.7153),
    (8, 51.4, 3.3619),
]
SAMPLES = 96, 4096


def entropy_bits(codes):
    p = torch.unique(codes, return_counts=True)[1].double() / codes.numel()
    return -(p * p.log2()).sum().item()


def gaussian_entropy_bits(bits, clip_sigmas):
    """Of the integers that a unit Gaussian rounds to: the mass between their borders, tails folded into the outermost."""
    top, step = q_max(bits), clip_sigmas / q_max(bits)

    def below(x):
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    borders = [-math.inf, *((q + 0.5) * step for q in range(-top, top)), math.inf]
    masses = [below(b) - below(a) for a, b in pairwise(borders)]
    return -sum(p * math.log2(p) for p in masses if p > 0)


@pytest.fixture(scope="module")
def gaussian():
    """Rows of very different sizes, none of which may matter."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.logspace(-2, 1, SAMPLES[0])[:, None]
    return sizes * torch.randn(SAMPLES, generator=generator)


def test_there_are_thirteen_published_entropies():
    assert len(EXACT) == 13


@pytest.mark.parametrize(("bits", "clip_sigmas", "expected"), EXACT)
def test_gaussian_rows_have_the_entropy_that_the_step_says(gaussian, bits, clip_sigmas, expected):
    assert gaussian_entropy_bits(bits, clip_sigmas) == pytest.approx(expected, abs=6e-5)
    q, _ = quantize_matrix(gaussian, None, bits, clip_sigmas, 0.01, 128)
    # 393,216 samples: the entropy's standard error is 0.001 bit
    assert entropy_bits(q) == pytest.approx(expected, abs=0.004)


def test_twice_the_step_saves_a_bit_a_weight(gaussian):
    fine, coarse = (entropy_bits(quantize_matrix(gaussian, None, 8, k, 0.01, 128)[0]) for k in (12.5, 25.0))
    assert fine - coarse == pytest.approx(1.0, abs=0.01)


@quick
@given(st.integers(2, 8), st.floats(1.0, 60.0), st.integers(0, 999), st.floats(-4, 2))
def test_a_scale_is_so_many_deviations_over_the_largest_code_in_float16(bits, clip_sigmas, seed, size):
    w = 10**size * torch.randn(5, 32, generator=torch.Generator().manual_seed(seed))
    found = scales(w, bits, clip_sigmas)
    assert found.dtype == torch.float16
    expected = clip_sigmas * w.double().std(1) / q_max(bits)
    torch.testing.assert_close(found.double(), expected, rtol=2**-11 + 1e-5, atol=2**-25)


@pytest.mark.parametrize("bits", range(2, 9))
def test_every_code_survives_being_restored_and_rounded_again(bits):
    codes = torch.arange(-q_max(bits), q_max(bits) + 1)[None].to(torch.int8)
    for scale in (1.0, 0.3, 2.0**-14, 777.0):
        step = torch.tensor([scale]).half()
        again = round_to(dequantize(codes, step), step.float()[:, None], bits)
        assert torch.equal(again, codes.float())


def test_the_grid_has_zero_in_its_middle_and_two_to_the_bits_less_one_levels():
    assert [q_max(bits) for bits in range(2, 9)] == [1, 3, 7, 15, 31, 63, 127]
    far = torch.tensor([-1e9, 0.0, 1e9])
    assert round_to(far, torch.tensor(1.0), 6).tolist() == [-31, 0, 31]


def test_ties_are_rounded_to_even():
    w = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5])
    assert round_to(w, torch.tensor(1.0), 8).tolist() == [0, 2, 2, 0, -2]
