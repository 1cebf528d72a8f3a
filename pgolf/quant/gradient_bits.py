"""Bits by gradient: of the matrices that training still pulled at the hardest the tenth gets int7, of the least a fifth int5.

    a = sorted mean squares of gradients (optim/gradients/clip_and_watch.py), n of them
    >= a[9 n // 10]: int7      <= a[n // 5]: int5      others, and those without a value: int6         (75: 8, 16 and 51)

Codes and steps are those of int8_rows.py, floor included: with the largest magnitude of a row below 1 the step is 1/63, 1/31 or
1/15, so fewer bits mean a coarser step, and fewer bytes after compression. The embedding is int8 whatever its rank, but has its
place in the ranking. Nothing of the bits is stored: the steps say all.
From    parameter-golf PR 332 (for int6 alone PR 287, PR 315)
"""

# O rows, I columns
import math

import torch

from pgolf.core import sensitivity
from pgolf.core.events import event
from pgolf.core.roles import EMBEDDING, SCALAR, has_role
from pgolf.quant import policy
from pgolf.quant.int8_rows import quantize_tensor

storage = policy


def classes(values: dict[str, float]) -> dict[str, int]:
    """{name: bits}."""
    ordered = sorted(values.values())
    n = len(ordered)
    low, high = (ordered[n // 5], ordered[9 * n // 10]) if n > 4 else (0.0, math.inf)
    return {name: 7 if value >= high else 5 if value <= low else 6 for name, value in values.items()}


def calibrate(cfg, model, batches) -> dict[str, torch.Tensor]:
    """Reads no batch: what training has seen is in its file. The bits are noted on the parameters."""
    bits = classes(sensitivity.read())
    lines = [f"grad_quant: adaptive precision for {len(bits)} tensors based on gradient sensitivity"]
    for name, parameter in model.named_parameters():
        parameter.bits = bits.get(name, 6)
        if how := settings(cfg, parameter, model):
            lines.append(f"  int{how}: {name}")
    event("bits", text="\n".join(sorted(lines, reverse=True)))
    return {}


def settings(cfg, parameter, model):
    """Bits of a parameter, or None when it is kept. A reader of the artifact need not know how many."""
    if has_role(parameter, EMBEDDING):
        return 8
    coded = parameter.dim() == 2 and parameter.numel() > cfg.keep_elements and not has_role(parameter, SCALAR)
    return getattr(parameter, "bits", 6) if coded else None


def encode(cfg, how, w_OI, hessian_II):
    return quantize_tensor(w_OI, cfg.clip_quantile, how)


def kept_type(parameter) -> torch.dtype:
    return torch.float32 if has_role(parameter, SCALAR) else torch.float16


def label(how) -> str:
    return f"rows (int{how})"
