"""A block: mix in the first embedding, attend, then transform, each with a gain per channel.

    x <- mix[0] x + mix[1] x0       x <- x + attn_scale * Attention(s rms(x))       x <- x + mlp_scale * MLP(s rms(x))

`s` is 1, or 1 / sqrt(layer + 1) for layer_scale "inverse_sqrt", where later layers read a damped input.
From    parameter-golf baseline; layer scale from PR 1394
Sees    what its attention sees
"""

import torch
from torch import nn

from pgolf.core.load import load
from pgolf.core.roles import SCALAR, tag
from pgolf.model.norm import rms


class Serial(nn.Module):
    def __init__(self, cfg, layer: int):
        super().__init__()
        self.attn = load("model.attention", cfg.attention).build(cfg, layer)
        self.mlp = load("model.mlp", cfg.mlp).build(cfg)
        self.attn_scale = tag(nn.Parameter(torch.ones(cfg.width)), SCALAR)
        self.mlp_scale = tag(nn.Parameter(torch.ones(cfg.width)), SCALAR)
        self.resid_mix = tag(nn.Parameter(torch.stack([torch.ones(cfg.width), torch.zeros(cfg.width)])), SCALAR)
        self.scale = (layer + 1) ** -0.5 if cfg.residual.layer_scale == "inverse_sqrt" else 1.0

    def forward(self, x, x0, context):
        mix = self.resid_mix.to(x.dtype)
        x = mix[0] * x + mix[1] * x0
        x = x + self.attn_scale.to(x.dtype) * self.attn(rms(x) * self.scale, context)
        return x + self.mlp_scale.to(x.dtype) * self.mlp(rms(x) * self.scale)


def build(cfg, layer: int) -> Serial:
    return Serial(cfg, layer)
