"""A gate for each head, read from the first channels of what the attention reads.

    y[h] <- sigmoid(scale * G[h] . x[:channels]) y[h]       G (heads, channels) starts at zero: every gate at one half

Why     a head can fall silent where it has nothing to say, for heads * channels numbers a layer
From    modded-nanogpt; parameter-golf PR 1787, scale 0.5 from PR 1855
Sees    its own position
"""

# B batch, T position, C model width, H query heads, D head width
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import GATE, tag


class SparseGate(nn.Module):
    def __init__(self, cfg, part):
        super().__init__()
        self.scale = part.scale
        self.gate = tag(nn.Parameter(torch.zeros(cfg.attention.heads, part.channels)), GATE)

    def forward(self, y_BTHD: torch.Tensor, v_BTKD, x_BTC: torch.Tensor) -> torch.Tensor:
        gate_BTH = F.linear(x_BTC[..., : self.gate.size(1)], self.gate.to(x_BTC.dtype))
        return y_BTHD * torch.sigmoid(self.scale * gate_BTH)[..., None]


def build(cfg, part) -> SparseGate:
    return SparseGate(cfg, part)
