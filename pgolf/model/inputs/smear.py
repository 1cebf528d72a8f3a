"""SmearGate: each channel blends in its value one position earlier.

    x_t <- (1 - g) x_t + g x_{t-1}      g = sigmoid(gamma), one for each channel (1/2 at the start)      x_{-1} = 0

Why     the first block gets the previous token for nothing but a vector; attention need not spend a head on it
From    parameter-golf PR 162
Sees    positions t and t - 1, also across the start of a document
"""

# B batch, T position, C width
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import GATE, tag


class Smear(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.gamma = tag(nn.Parameter(torch.zeros(width)), GATE)

    def forward(self, x_BTC, ids_BT):
        before_BTC = F.pad(x_BTC, (0, 0, 1, -1))
        return torch.lerp(x_BTC, before_BTC, torch.sigmoid(self.gamma.to(x_BTC.dtype)))


def build(cfg, part) -> Smear:
    return Smear(cfg.width)
