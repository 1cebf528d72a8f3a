"""U-Net skips: before decoder block k, add back the output of the encoder block that mirrors it.

    x <- x + weight[k] * e

From    Ronneberger et al. 2015; parameter-golf baseline
"""

import torch
from torch import nn

from pgolf.core.roles import SCALAR, tag


class Unet(nn.Module):
    def __init__(self, slots: int, width: int):
        super().__init__()
        self.weights = tag(nn.Parameter(torch.ones(slots, width)), SCALAR)

    def forward(self, k: int, x, encoder_output):
        return x + self.weights[k].to(x.dtype) * encoder_output


def build(cfg, slots: int) -> Unet:
    return Unet(slots, cfg.width)
