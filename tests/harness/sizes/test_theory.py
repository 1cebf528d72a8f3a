"""The size theory: reference values, and agreement with counting."""

import math

import numpy as np
import pytest
import torch

from pgolf.harness.sizes import theory
from pgolf.quant.int_bits import q_max

# bits, k, delta, entropy by the README's formula, with the real step, exact: derived from the published definitions
VALUES = [
    (4, 3, 0.428571, 3.4621, 3.2695, 3.2750),
    (5, 3, 0.200000, 4.4621, 4.3690, 4.3640),
    (5, 6.425, 0.428333, 3.3634, 3.2703, 3.2812),
    (6, 10, 0.322581, 3.7252, 3.6794, 3.6856),
    (6, 11.5, 0.370968, 3.5235, 3.4777, 3.4860),
    (6, 12, 0.387097, 3.4621, 3.4163, 3.4253),
    (6, 12.85, 0.414516, 3.3634, 3.3176, 3.3279),
    (6, 13, 0.419355, 3.3467, 3.3009, 3.3113),
    (7, 14, 0.222222, 4.2397, 4.2170, 4.2200),
    (7, 15, 0.238095, 4.1402, 4.1175, 4.1209),
    (7, 25.7, 0.407937, 3.3634, 3.3407, 3.3506),
    (8, 20, 0.157480, 4.7252, 4.7139, 4.7153),
    (8, 51.4, 0.404724, 3.3634, 3.3521, 3.3619),
]


@pytest.mark.parametrize(("bits", "k", "delta", "readme", "step", "exact"), VALUES)
def test_entropies_are_the_reference_values(bits, k, delta, readme, step, exact):
    assert k / q_max(bits) == pytest.approx(delta, abs=1e-6)
    assert theory.readme_bits(bits, k) == pytest.approx(readme, abs=6e-5)
    assert theory.step_bits(bits, k) == pytest.approx(step, abs=6e-5)
    assert theory.exact_bits(bits, k) == pytest.approx(exact, abs=6e-5)
    assert theory.bits_at(np.array([k / q_max(bits)]), q_max(bits))[0] == pytest.approx(exact, abs=7e-5)


def test_a_step_that_is_twice_as_long_saves_one_bit():
    assert theory.readme_bits(6, 10) == pytest.approx(theory.readme_bits(7, 20))
    assert theory.step_bits(6, 10) - theory.step_bits(6, 20) == pytest.approx(1)


@pytest.mark.parametrize(("bits", "k"), [(4, 3.0), (6, 12.85), (8, 4.0)])
def test_entropy_and_error_are_what_counting_finds(bits, k):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(2_000_000, generator=generator, dtype=torch.float64)
    top = q_max(bits)
    q = (w * top / k).round().clamp(-top, top)
    share = np.bincount((q + top).long().numpy()) / len(w)
    assert theory.entropy(share) == pytest.approx(theory.exact_bits(bits, k), abs=2e-3)
    assert float((w - q * k / top).square().mean()) == pytest.approx(theory.relative_error(bits, k), rel=0.02)


def test_the_payload_of_pr_1394_is_predicted_within_one_per_cent_of_the_published_blobs():
    codes = (31_719_424 * theory.exact_bits(6, 12.85) + 4_194_304 * theory.exact_bits(8, 20)) / 8
    assert codes == pytest.approx(15_666_886, abs=200)
    predicted = codes + 2 * 53_248 + 2 * 29_784
    published = [15_972_031, 15_973_467, 15_967_802, 15_969_408, 15_968_101]
    assert all(1.008 < blob / predicted < 1.009 for blob in published)


def test_a_step_of_nothing_or_of_everything_has_an_entropy_too():
    low, high = theory.bits_at(np.array([1e-9, 1e9]), 31)
    assert 0 <= high < 1e-6 < low <= math.log2(63)
