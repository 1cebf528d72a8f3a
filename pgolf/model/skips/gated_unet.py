"""U-Net skips with a gate per channel: before decoder block k, blend in the mirrored encoder block's output.

    g = sigmoid(gate[k])      x <- g x + (1 - g) weight[k] e      (an even blend at the start)

From    parameter-golf PR 1218
"""

import torch
from torch import nn

from pgolf.core.roles import SCALAR, tag


class GatedUnet(nn.Module):
    def __init__(self, slots: int, width: int):
        super().__init__()
        self.weights = tag(nn.Parameter(torch.ones(slots, width)), SCALAR)
        self.gates = tag(nn.Parameter(torch.zeros(slots, width)), SCALAR)

    def forward(self, k: int, x, encoder_output):
        gate = torch.sigmoid(self.gates[k].to(x.dtype))
        return torch.lerp(self.weights[k].to(x.dtype) * encoder_output, x, gate)


def build(cfg, slots: int) -> GatedUnet:
    return GatedUnet(slots, cfg.width)
