"""SDClip: a row's step is a fixed number of its standard deviations, so its compressed size is known beforehand.

    s = k std(W[i]) / q_max, rounded to float16         H(q) ~ bits - log2(k) + 1.047 bits a weight

At k >= 10 next to nothing is clipped: k sets the step, and with it the bytes. A constant row has no deviation; its step
then comes from its magnitude, so that it is not divided by zero.
From    parameter-golf PR 1394
"""

# O rows, I columns
import torch

from pgolf.quant.int_bits import q_max

SMALLEST = 2.0**-24  # of float16


def scales(w_OI: torch.Tensor, bits: int, clip_sigmas: float) -> torch.Tensor:
    """(O,) float16, never zero."""
    scale_O = (clip_sigmas * w_OI.std(1) / q_max(bits)).clamp_min(1e-10).half()
    constant_O = (w_OI.abs().amax(1) / q_max(bits)).clamp_min(SMALLEST).half()
    return torch.where(scale_O == 0, constant_O, scale_O)
