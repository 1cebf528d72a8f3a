"""The baseline's export: int8 with a step for each row, clipped at a high quantile of its magnitudes.

    c = quantile(|W[i]|, p);  s = max(c / 127, 1 / 127);  q = round(clip(W[i], -c, c) / s);  s is stored as float16

The floor 1/127 is part of the method: rows with a maximum below 1 use fewer levels, and compress by it. With fewer bits the
largest code takes the place of 127 in all of it.
From    parameter-golf baseline
"""

# O rows, I columns
import torch

from pgolf.core.roles import SCALAR, has_role
from pgolf.quant import policy
from pgolf.quant.int_bits import q_max, round_to

storage = policy


def quantize_tensor(w: torch.Tensor, clip_quantile: float, bits: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 codes of w's shape, and scales: (O,) float16 for a matrix, () float32 for anything else."""
    w, top = w.float(), q_max(bits)
    if w.dim() != 2:
        clip = torch.quantile(w.abs().flatten(), clip_quantile)
        scale = torch.where(clip > 0, clip / top, 1.0)
        return round_to(w.clamp(-clip, clip), scale, bits).to(torch.int8), scale
    clip_O1 = torch.quantile(w.abs(), clip_quantile, 1, keepdim=True)
    scale_O1 = (clip_O1 / top).clamp_min(1 / top)
    return round_to(w.clamp(-clip_O1, clip_O1), scale_O1, bits).to(torch.int8), scale_O1[:, 0].half()


def calibrate(cfg, model, batches) -> dict[str, torch.Tensor]:
    return {}


def settings(cfg, parameter, model):
    coded = parameter.dim() == 2 and parameter.numel() > cfg.keep_elements and not has_role(parameter, SCALAR)
    return cfg if coded else None


def encode(cfg, how, w_OI, hessian_II):
    return quantize_tensor(w_OI, cfg.clip_quantile)


def kept_type(parameter) -> torch.dtype:
    return torch.float32 if has_role(parameter, SCALAR) else torch.float16


def label(how) -> str:
    return "rows (int8)"
