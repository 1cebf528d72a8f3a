"""Two linear maps with a squared (leaky) ReLU between: proj(leaky_relu(fc(x), slope)^2). Slope 0 is relu squared.

Why     a slope of 0.5 lets negative inputs through at a quarter of the square, so no unit dies
From    So et al. 2021 (Primer, relu^2); parameter-golf PR 549 (slope 0.5)
Sees    its own position
"""

import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import MLP
from pgolf.model.linear import Linear


class SquaredRelu(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.fc = Linear(cfg.width, cfg.mlp.hidden, cfg.init, MLP)
        self.proj = Linear(cfg.mlp.hidden, cfg.width, "zeros", MLP)
        self.slope = cfg.mlp.negative_slope

    def forward(self, x):
        return self.proj(F.leaky_relu(self.fc(x), self.slope).square())


def build(cfg) -> SquaredRelu:
    return SquaredRelu(cfg)
