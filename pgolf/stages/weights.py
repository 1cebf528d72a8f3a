"""A model with its weights: from the trainer's file, or from the artifact. Layers run as they did at the end of training."""

from types import SimpleNamespace

import torch

from pgolf.codec import artifact
from pgolf.core import ranks, run
from pgolf.core.load import load
from pgolf.model import gpt
from pgolf.quant import payload


def blank(cfg) -> gpt.GPT:
    """The recipe's model, ready to be filled; no time is spent on random weights."""
    model_cfg = SimpleNamespace(**{**cfg.model.__dict__, "init": "zeros"})
    model = gpt.build(model_cfg, ranks.device(), ranks.activation_dtype())
    model.phase = len(model.orders) - 1
    return model.eval()


def trained(cfg) -> gpt.GPT:
    model = blank(cfg)
    model.load_state_dict(torch.load(run.needed(run.WEIGHTS), map_location=ranks.device(), weights_only=True))
    return model


def packed(cfg) -> gpt.GPT:
    model = blank(cfg)
    quantizer = load("quant", cfg.quant)
    layout = quantizer.storage.layout(quantizer, cfg.quant, model)
    data = artifact.unpack(cfg.codec, payload.describe(layout), run.needed(run.MODEL).read_bytes())
    quantizer.storage.restore(payload.from_bytes(data, layout), model, cfg.quant)
    return model
