"""The clip width of all matrices is scaled by one number, so that script and model just fit the limit.

    clip_sigmas -> m clip_sigmas;   H(delta) = log2(2 pi e (1 + delta^2 / 12)) / 2 - log2(delta) bits a weight, delta = m k / q_max

The theory of SDClip is the formula (quant/fitting.py): twice the step, one bit less. Embeddings and gates stay as they are.
Why     k was tuned by hand to land just under the limit; every byte left over is a finer step not taken
From    the size theory of parameter-golf PR 1394, with the noise of rounding
"""

import math
import sys
from types import SimpleNamespace

from pgolf.core.roles import MATRIX, has_role
from pgolf.quant import fitting
from pgolf.quant.int_bits import q_max

storage = sys.modules[__name__]
calibrate, layout, restore, describe = fitting.calibrate, fitting.layout, fitting.restore, fitting.describe
HALVINGS, DECIMALS = 30, 5  # of the scale


def bits_per_weight(delta: float) -> float:
    """Entropy of a normal distribution rounded to steps of delta standard deviations; good to 1e-4 up to 1/2."""
    return math.log2(2 * math.pi * math.e * (1 + delta**2 / 12)) / 2 - math.log2(delta)


def scaled(quantizer, scale: float):
    """The quantiser with every matrix's clip width times `scale`."""

    def settings(cfg, parameter, model):
        how = quantizer.settings(cfg, parameter, model)
        if how is None or not has_role(parameter, MATRIX):
            return how
        return SimpleNamespace(bits=how.bits, clip_sigmas=scale * how.clip_sigmas)

    other = SimpleNamespace(**vars(quantizer))
    other.settings = settings
    return other


def quantize(quantizer, cfg, model, hessians, codec):
    inner = fitting.inner(cfg)
    matrices = [p for p in model.parameters() if has_role(p, MATRIX) and inner.settings(cfg.inner, p, model)]
    grids = [(p.numel(), inner.settings(cfg.inner, p, model)) for p in matrices]

    def attempt(scale: float):
        return inner.storage.quantize(scaled(inner, scale), cfg.inner, model, hessians)

    def formula(scale: float) -> float:
        return sum(n * bits_per_weight(scale * how.clip_sigmas / q_max(how.bits)) for n, how in grids) / 8

    def choose(predicted, low, high) -> float:
        low, high = low or cfg.scale_range[0], high or cfg.scale_range[1]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            fits = predicted(middle) <= cfg.artifact_bytes - cfg.slack_bytes / 2
            low, high = (low, middle) if fits else (middle, high)
        return round(high, DECIMALS)

    tensors = layout(quantizer, cfg, model)
    return fitting.search(cfg, codec, tensors, "clip_sigmas times", 1.0, attempt, formula, choose)
