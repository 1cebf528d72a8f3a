"""How many bytes quantised weights need, before anything is trained: the size theory of PR 1394.

Weights ~ N(0, sigma^2), rounded to a grid of 2^b - 1 steps that ends at k sigma; delta = step / sigma = k / q_max.

    as its README says    H ~ b - log2 k + log2(pi e / 2) / 2          (takes a grid of 2^b steps)
    with the real step    H ~ log2(2 pi e) / 2 - log2 delta
    exact                 p(q) = Phi((q + 1/2) delta) - Phi((q - 1/2) delta), what lies outside at +-q_max;  H = -sum p log2 p

Bits a weight. A compressor that knows nothing but how often each code occurs cannot need less.
"""

import functools
import math

import numpy as np
import torch

from pgolf.quant.int_bits import q_max

GRID = np.geomspace(1e-3, 16.0, 4000)  # of delta, for the table of `bits_at`


def readme_bits(bits: int, clip_sigmas: float) -> float:
    return bits - math.log2(clip_sigmas) + math.log2(math.pi * math.e / 2) / 2


def step_bits(bits: int, clip_sigmas: float) -> float:
    return math.log2(2 * math.pi * math.e) / 2 - math.log2(clip_sigmas / q_max(bits))


def probabilities(delta_N: np.ndarray, top: int) -> np.ndarray:
    """(N, 2 top + 1) of the codes -top .. top."""
    edges = np.arange(-top, top) + 0.5
    below = torch.special.ndtr(torch.from_numpy(np.outer(delta_N, edges))).numpy()
    return np.diff(below, axis=1, prepend=0.0, append=1.0)


def entropy(shares: np.ndarray) -> np.ndarray:
    """Bits, over the last axis."""
    return -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(-1)


def exact_bits(bits: int, clip_sigmas: float) -> float:
    return float(entropy(probabilities(np.array([clip_sigmas / q_max(bits)]), q_max(bits)))[0])


@functools.cache
def table(top: int) -> np.ndarray:
    return entropy(probabilities(GRID, top))


def bits_at(delta: np.ndarray, top: int) -> np.ndarray:
    """Exact bits a weight for many steps at once, codes up to `top`; from a table, good to 1e-5."""
    return np.interp(np.log(np.clip(delta, GRID[0], GRID[-1])), np.log(GRID), table(top))


def relative_error(bits: int, clip_sigmas: float) -> float:
    """Mean squared error over sigma^2 of rounding, clipping included."""
    delta, top = clip_sigmas / q_max(bits), q_max(bits)
    w = torch.linspace(-12, 12, 240_001, dtype=torch.float64)
    density = torch.exp(-(w**2) / 2) / math.sqrt(2 * math.pi)
    rounded = (w / delta).round().clamp(-top, top) * delta
    return float(((w - rounded) ** 2 * density).sum() * (w[1] - w[0]))
