"""GPTQ with SDClip: round column by column, and let the columns not yet rounded make up for each error.

    Hessian + damping, columns by falling diagonal;  U = upper Cholesky factor of its inverse
    for each column j:  q = round(w_j / s);  e = (w_j - q s) / U[j, j];  w[:, j:] -= e U[j, j:]

Worked example: W = [0.4, 0.4], step 1, H = [[2, 1], [1, 2]]. Rounding gives [0, 0], an error e H e^T of 0.96. GPTQ rounds the
first to 0 and moves half its error to the second, 0.4 + 0.2 = 0.6, which rounds to 1: [0, 1], an error of 0.56.

A tensor is quantised by its role when it has more than `keep_elements` elements; the rest passes through as float16.
From    Frantar et al. 2022; parameter-golf PR 1394
"""

# O rows, I columns
import torch

from pgolf.core.roles import MATRIX, SCALAR, has_role
from pgolf.quant import clip_sd, hessian, policy
from pgolf.quant.int_bits import round_to

storage = policy


def factor(hessian_II: torch.Tensor, damping: float) -> tuple[torch.Tensor, torch.Tensor]:
    """U (I, I), upper, of the damped and permuted Hessian's inverse, and the permutation (I,)."""
    h = hessian_II.clone()
    diagonal = h.diagonal()
    diagonal[diagonal == 0] = 1
    diagonal += damping * diagonal.mean()
    order_I = torch.argsort(h.diagonal(), descending=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(h[order_I][:, order_I]))
    return torch.linalg.cholesky(inverse, upper=True), order_I


def quantize_matrix(w_OI, hessian_II, bits: int, clip_sigmas: float, damping: float, block: int):
    """q (O, I) int8 and scale (O,) float16. `hessian_II` None means equal weights: plain rounding."""
    scale_O = clip_sd.scales(w_OI.float(), bits, clip_sigmas)
    return sweep(w_OI.float(), hessian_II, scale_O, bits, damping, block), scale_O


def sweep(w_OI, hessian_II, scale_O, bits: int, damping: float, block: int) -> torch.Tensor:
    """q (O, I) int8 for given steps, also those of another rule (quant/gptq_search.py)."""
    s_O1 = scale_O.float()[:, None]
    if hessian_II is None:
        return round_to(w_OI, s_O1, bits).to(torch.int8)
    u_II, order_I = factor(hessian_II, damping)
    w_OI = w_OI.masked_fill(hessian_II.diagonal() == 0, 0)[:, order_I]
    q_OI = torch.empty_like(w_OI)
    for start in range(0, w_OI.size(1), block):
        stop = min(start + block, w_OI.size(1))
        w, u = w_OI[:, start:stop].clone(), u_II[start:stop, start:stop]
        error = torch.empty_like(w)
        for j in range(stop - start):
            q = round_to(w[:, j : j + 1], s_O1, bits)
            e = (w[:, j : j + 1] - q * s_O1) / u[j, j]
            w[:, j:].addmm_(e, u[j : j + 1, j:], alpha=-1)
            q_OI[:, start + j], error[:, j] = q[:, 0], e[:, 0]
        w_OI[:, stop:].addmm_(error, u_II[start:stop, stop:], alpha=-1)
    return q_OI[:, torch.argsort(order_I)].to(torch.int8)


def calibrate(cfg, model, batches) -> dict[str, torch.Tensor]:
    return hessian.collect(model, batches, cfg.calibration_batches)


def settings(cfg, parameter, model):
    """{bits, clip_sigmas} of a parameter, or None when it passes through."""
    if parameter.numel() <= cfg.keep_elements or has_role(parameter, SCALAR):
        return None
    return cfg.matrix if has_role(parameter, MATRIX) else cfg.embedding


def encode(cfg, how, w_OI, hessian_II):
    return quantize_matrix(w_OI, hessian_II, how.bits, how.clip_sigmas, cfg.damping, cfg.block)


def kept_type(parameter) -> torch.dtype:
    return torch.float16


def label(how) -> str:
    return f"gptq (int{how.bits})"
