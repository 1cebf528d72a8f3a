"""GPTQ with a step for each kind of matrix, gates as int8 rows, and the largest errors corrected at low rank (low_rank.py).

    attention, MLP and embedding each have bits and clip_sigmas of their own
    gates:  s = float16(max |G[i]| / 127),  q = round(G[i] / s)

Why     the MLP bears a finer grid less badly than it pays for a coarser one; gates are read before every head, and are many
From    parameter-golf PR 1626 (steps by kind), PR 1736 (gates), PR 1797 (correction); values of PR 1855
"""

# O rows, I columns
import torch

from pgolf.core.roles import GATE, MATRIX, MLP, SCALAR, has_role
from pgolf.quant import gptq, low_rank
from pgolf.quant.clip_sd import SMALLEST
from pgolf.quant.int_bits import q_max, round_to

storage = low_rank
calibrate, kept_type = gptq.calibrate, gptq.kept_type


def settings(cfg, parameter, model):
    """{bits, clip_sigmas} of a parameter, 8 for a gate, or None when it passes through."""
    if has_role(parameter, GATE) and parameter.dim() == 2:
        return 8
    if parameter.numel() <= cfg.keep_elements or has_role(parameter, SCALAR):
        return None
    if has_role(parameter, MLP):
        return cfg.mlp
    return cfg.attention if has_role(parameter, MATRIX) else cfg.embedding


def corrects(how) -> bool:
    """Whether the error of a parameter that is coded so may be corrected: not that of a gate."""
    return how not in (None, 8)


def encode(cfg, how, w_OI, hessian_II):
    if corrects(how):
        return gptq.encode(cfg, how, w_OI, hessian_II)
    scale_O = (w_OI.abs().amax(1) / q_max(8)).clamp_min(SMALLEST).half()
    return round_to(w_OI, scale_O.float()[:, None], 8).to(torch.int8), scale_O


def label(how) -> str:
    return gptq.label(how) if corrects(how) else "rows (int8)"
