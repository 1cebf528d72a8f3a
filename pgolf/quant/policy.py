"""From a model's weights to what is stored and back, for any quantiser.

A quantiser is a module with

    calibrate(cfg, model, batches) -> {name: Hessian}     settings(cfg, parameter, model) -> how to code it, or None to keep it
    encode(cfg, how, w_OI, hessian_II) -> q (O, I) int8, scale (O,) float16
    kept_type(parameter) -> type of a tensor that is kept     label(how) -> its name in the log
    storage: this module, or one with the same functions that stores more (quant/low_rank.py)

Stored are `name.q` and `name.scale` for a coded parameter, `name` for a kept one.
"""

import torch

from pgolf.quant.int_bits import dequantize


def layout(quantizer, cfg, model) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """{tensor: (type, shape)} of what is stored, in the order it is stored: all codes first."""
    codes: dict = {}
    rest: dict = {}
    for name, parameter in model.named_parameters():
        if quantizer.settings(cfg, parameter, model):
            codes[name + ".q"] = torch.int8, tuple(parameter.shape)
            rest[name + ".scale"] = torch.float16, (len(parameter),)
        else:
            rest[name] = quantizer.kept_type(parameter), tuple(parameter.shape)
    return codes | rest


@torch.no_grad()
def quantize(quantizer, cfg, model, hessians, codec=None) -> dict[str, torch.Tensor]:
    """The tensors that `layout` describes. The model is left as it is."""
    stored = {}
    for name, parameter in model.named_parameters():
        if how := quantizer.settings(cfg, parameter, model):
            q_OI, scale_O = quantizer.encode(cfg, how, parameter.data, hessians.get(name))
            stored[name + ".q"], stored[name + ".scale"] = q_OI, scale_O
        else:
            stored[name] = parameter.detach().to(quantizer.kept_type(parameter), copy=True)
    return stored


@torch.no_grad()
def restore(stored, model, cfg=None) -> None:
    """Put what is stored into the model's parameters, each in its own type."""
    for name, parameter in model.named_parameters():
        value = stored[name] if name in stored else dequantize(stored[name + ".q"], stored[name + ".scale"])
        parameter.copy_(value)


def describe(quantizer, cfg, model) -> str:
    """One line for each way of storing: which parameters."""
    ways: dict[str, set[str]] = {}
    for name, parameter in model.named_parameters():
        how = quantizer.settings(cfg, parameter, model)
        kind = quantizer.label(how) if how else f"passthrough ({quantizer.kept_type(parameter)})".replace("torch.", "")
        ways.setdefault(kind, set()).add(".".join(part for part in name.split(".") if not part.isdigit()))
    return "\n".join(f"  {kind}: {', '.join(sorted(names))}" for kind, names in sorted(ways.items()))
