"""LQER: what rounding did to the matrices that it hurt most, put back as a product of two thin ones (quant/gptq_lqer.py).

    E = W - q s       the `corrected` matrices with the largest ||E||:      E = U S V^T,  A = U[:, :r] S[:r],  B = V^T[:r]
    A in 2 bits, one step:  sA = max |A| / 1.5,  clamp(round(A / sA), -2, 1)
    B in 4 bits, a step for each `group` numbers of its rows:  sB = max |group| / 7.5,  clamp(round(B / sB), -8, 7)
    W ~ q s + (qA sA) (qB sB)

Every matrix that GPTQ codes has factors in the file, zeros unless it was chosen: so the layout follows from the recipe alone, and
zeros compress to next to nothing.
From    Zhang et al. 2024 (LQER); parameter-golf PR 1797, PR 1855
"""

# O rows, I columns, R rank, G steps of B
import torch

from pgolf.core.events import event
from pgolf.quant import policy
from pgolf.quant.int_bits import dequantize

PARTS = ".left", ".left_step", ".right", ".right_step"
describe = policy.describe


def coded(quantizer, cfg, model) -> dict[str, torch.Tensor]:
    """{name: parameter} of what may be corrected."""
    return {name: p for name, p in model.named_parameters() if quantizer.corrects(quantizer.settings(cfg, p, model))}


def factors(error_OI: torch.Tensor, rank: int, group: int) -> list[torch.Tensor]:
    """qA (O, R) int8, sA (1,) float16, qB (R, I) int8, sB (G,) float16."""
    u, s, vt = torch.linalg.svd(error_OI, full_matrices=False)
    left_OR, right_RI = u[:, :rank] * s[:rank], vt[:rank]
    left_step = (left_OR.abs().amax().clamp_min(1e-10) / 1.5).half()
    right_GN = right_RI.reshape(-1, group)
    right_step_G = (right_GN.abs().amax(1).clamp_min(1e-10) / 7.5).half()
    q_OR = (left_OR / left_step.float()).round().clamp(-2, 1).to(torch.int8)
    q_RI = (right_GN / right_step_G.float()[:, None]).round().clamp(-8, 7).to(torch.int8).view_as(right_RI)
    return [q_OR, left_step[None], q_RI, right_step_G]


def product(left_OR, left_step, right_RI, right_step_G) -> torch.Tensor:
    """(O, I) float32."""
    right = dequantize(right_RI.view(len(right_step_G), -1), right_step_G).view_as(right_RI)
    return left_OR.float() * left_step.float() @ right


def layout(quantizer, cfg, model) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Behind what any quantiser stores: the factors."""
    found = policy.layout(quantizer, cfg, model)
    for name, parameter in coded(quantizer, cfg, model).items():
        rows, columns = parameter.shape
        found[name + ".left"] = torch.int8, (rows, cfg.rank)
        found[name + ".left_step"] = torch.float16, (1,)
        found[name + ".right"] = torch.int8, (cfg.rank, columns)
        found[name + ".right_step"] = torch.float16, (cfg.rank * columns // cfg.group,)
    return found


@torch.no_grad()
def quantize(quantizer, cfg, model, hessians, codec=None) -> dict[str, torch.Tensor]:
    stored = policy.quantize(quantizer, cfg, model, hessians)
    errors = {
        name: parameter.float() - dequantize(stored[name + ".q"], stored[name + ".scale"])
        for name, parameter in coded(quantizer, cfg, model).items()
    }
    chosen = sorted(errors, key=lambda name: -errors[name].norm().item())[: cfg.corrected]
    for name, (dtype, shape) in layout(quantizer, cfg, model).items():
        stored.setdefault(name, torch.zeros(shape, dtype=dtype))
    for name in chosen:
        for part, tensor in zip(PARTS, factors(errors[name], cfg.rank, cfg.group), strict=True):
            stored[name + part] = tensor
    event("bits", text=f"lqer: {', '.join(chosen)}")
    return stored


@torch.no_grad()
def restore(stored, model, cfg=None) -> None:
    whole = {}
    for name in [key.removesuffix(".left") for key in stored if key.endswith(".left")]:
        rounded = dequantize(stored[name + ".q"], stored[name + ".scale"])
        whole[name] = rounded + product(*(stored[name + part] for part in PARTS))
    policy.restore(stored | whole, model)
