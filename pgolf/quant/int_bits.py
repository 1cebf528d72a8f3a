"""Symmetric integers of `bits` bits: -q_max .. q_max with q_max = 2^(bits-1) - 1, a step for each row.

int6 rounds 0.7 with step 0.1 to 7, and 5.0 to 31; the grid has 2^bits - 1 levels, so zero is one of them.
"""

# O rows, I columns
import torch


def q_max(bits: int) -> int:
    return 2 ** (bits - 1) - 1


def round_to(w: torch.Tensor, scale: torch.Tensor, bits: int) -> torch.Tensor:
    """Integers as float, ties to even."""
    return torch.clamp(torch.round(w / scale), -q_max(bits), q_max(bits))


def dequantize(q_OI: torch.Tensor, scale_O: torch.Tensor) -> torch.Tensor:
    """(O, I) float32."""
    return q_OI.float() * scale_O.float()[:, None]
