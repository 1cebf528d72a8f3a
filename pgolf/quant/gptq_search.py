"""GPTQ with steps searched among clip quantiles; the matrices that matter least get int5, the others int6.

    c = quantile(|W[i]|, p);  s = max(c / q_max, 1 / q_max) as float16;  of the quantiles p, the one with the least mean (W - q s)^2
    a matrix matters by the trace of its Hessian, the summed squares of what it reads

The floor is part of the method: rows with a maximum below 1 all have the step 1/31, whatever the quantile. The search then has
nothing to choose, and weight decay, which sets the size of weights, sets the bytes. The error is the plain one: GPTQ raises it
above that of rounding, so it compares candidates with each other only.
Embeddings and tables are int8 by rows (quant/int8_rows.py); what has at most `keep_elements` elements passes as float16.

From    parameter-golf PR 1218 (quantiles, floor), PR 1279 (ranking)
"""

# O rows, I columns, C candidates
import torch

from pgolf.core.events import event
from pgolf.core.roles import MATRIX, SCALAR, has_role
from pgolf.quant import hessian, policy
from pgolf.quant.gptq import sweep
from pgolf.quant.int8_rows import quantize_tensor
from pgolf.quant.int_bits import dequantize, q_max

storage = policy

ROWS = "int8 rows"


def bits_by_trace(traces: dict[str, float], int5_matrices: int) -> dict[str, int]:
    """{name: bits}, by falling trace. Of equal traces (q, k and v read the same) the later matrix counts as the lower."""
    ranked = sorted(traces, key=lambda name: -traces[name])
    return {name: 5 if rank + int5_matrices >= len(ranked) else 6 for rank, name in enumerate(ranked)}


def quantize_matrix(w_OI, hessian_II, bits: int, clip_quantiles, damping: float, block: int):
    """q (O, I) int8 and scale (O,) float16. `hessian_II` None means equal weights: plain rounding."""
    w_OI = w_OI.float()
    clip_CO = torch.quantile(w_OI.abs(), torch.tensor(clip_quantiles, device=w_OI.device), 1)
    scale_CO = (clip_CO / q_max(bits)).clamp_min(1 / q_max(bits)).half()
    best, best_error = None, float("inf")
    for c, scale_O in enumerate(scale_CO):
        if c and torch.equal(scale_O, scale_CO[c - 1]):  # the same candidate again: all rows at the floor
            continue
        q_OI = sweep(w_OI, hessian_II, scale_O, bits, damping, block)
        error = (w_OI - dequantize(q_OI, scale_O)).square().mean().item()
        if error < best_error:
            best, best_error = (q_OI, scale_O), error
    return best


def calibrate(cfg, model, batches) -> dict[str, tuple[torch.Tensor, int]]:
    """{name: (Hessian, bits)} of every matrix that is coded."""
    hessians = hessian.collect(model, batches, cfg.calibration_batches)
    sizes = {name: p.numel() for name, p in model.named_parameters() if settings(cfg, p, model) not in (None, ROWS)}
    traces = {name: hessians[name].diagonal().sum().item() for name in sizes}
    bits = bits_by_trace(traces, cfg.int5_matrices)
    if low := [name for name in bits if bits[name] == 5]:
        weights = sum(sizes[name] for name in low)
        lines = [
            f"int6: {len(bits) - len(low)} matrices, int5: {len(low)} of the least Hessian trace ({weights:,} weights)"
        ]
        event("bits", text="\n".join(lines + [f"  int5: {name} {traces[name]:.1f}" for name in low]))
    return {name: (hessians[name], bits[name]) for name in sizes}


def settings(cfg, parameter, model):
    """Its name in the log, or None when a parameter passes through."""
    if parameter.numel() <= cfg.keep_elements or has_role(parameter, SCALAR):
        return None
    if not has_role(parameter, MATRIX):
        return ROWS
    return f"gptq (int6, {cfg.int5_matrices} of them int5)" if cfg.int5_matrices else "gptq (int6)"


def encode(cfg, how, w_OI, found):
    if how == ROWS:
        return quantize_tensor(w_OI, cfg.row_quantile)
    hessian_II, bits = found or (None, 6)
    try:
        return quantize_matrix(w_OI, hessian_II, bits, cfg.clip_quantiles, cfg.damping, cfg.block)
    except torch.linalg.LinAlgError:
        event("bits", text=f"the Hessian of a matrix {tuple(w_OI.shape)} has no Cholesky factor: it is only rounded")
        return quantize_matrix(w_OI, None, bits, cfg.clip_quantiles, cfg.damping, cfg.block)


def kept_type(parameter) -> torch.dtype:
    return torch.float16


def label(how) -> str:
    return how
