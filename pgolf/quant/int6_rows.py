"""PR 162's export: matrices as int6 with a step for each row, tables as int8, the embedding and the last keys as float16.

    s = float16(max |W[i]| / 31), at least the smallest normal float16;      q = round(W[i] / s)

Every row uses its whole grid: nothing is clipped, and the step has no floor of 1 / 31 as later scripts have. The step is
rounded to float16 before it is used, so what is stored is what was rounded with. Tables are coded as the baseline codes
everything (int8_rows.py); what has at most `keep_elements` elements is float16, gains and gates too.
Why     embedding errors enter twice (input and output), and key errors move the attention of every later position
From    parameter-golf PR 162

Worked example: W = [0.62, -0.31, 0.01] has the step 0.02 (0.0200042 in float16) and the codes [31, -15, 0]: 15.497 rounds down.
"""

# O rows, I columns
import torch

from pgolf.core.roles import EMBEDDING, MATRIX, SCALAR, has_role
from pgolf.quant import policy
from pgolf.quant.int8_rows import quantize_tensor
from pgolf.quant.int_bits import q_max, round_to

storage = policy


def quantize_rows(w_OI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """q (O, I) int8 and scale (O,) float16."""
    w_OI = w_OI.float()
    scale_O = (w_OI.abs().amax(1) / q_max(6)).half().clamp_min(torch.finfo(torch.float16).tiny)
    return round_to(w_OI, scale_O.float()[:, None], 6).to(torch.int8), scale_O


def calibrate(cfg, model, batches) -> dict[str, torch.Tensor]:
    return {}


def settings(cfg, parameter, model):
    """Bits of a parameter, or None when it is kept."""
    last_blocks = model.blocks[len(model.blocks) - cfg.float16_key_layers :]
    kept = has_role(parameter, SCALAR) or has_role(parameter, EMBEDDING) or parameter.numel() <= cfg.keep_elements
    if kept or any(parameter is block.attn.c_k.weight for block in last_blocks):
        return None
    return 6 if has_role(parameter, MATRIX) else 8


def encode(cfg, how, w_OI, hessian_II):
    return quantize_rows(w_OI) if how == 6 else quantize_tensor(w_OI, cfg.clip_quantile)


def kept_type(parameter) -> torch.dtype:
    return torch.float16


def label(how) -> str:
    return f"rows (int{how})"
