"""A linear map without bias, kept in float32 and cast to the activation's dtype at each use.

A module rather than a bare matrix, so that calibration can listen to its input through a hook.
"""

import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import tag


class Linear(nn.Module):
    """y = x W^T, W (outputs, inputs). `start`: "orthogonal" (gain 1), "uniform" (bound 1/sqrt(inputs)) or "zeros"."""

    def __init__(self, inputs: int, outputs: int, start: str, role: str):
        super().__init__()
        self.weight = tag(nn.Parameter(torch.empty(outputs, inputs)), role)
        if start == "zeros":
            nn.init.zeros_(self.weight)
        elif start == "orthogonal":
            nn.init.orthogonal_(self.weight)
        else:
            nn.init.uniform_(self.weight, -(inputs**-0.5), inputs**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight.to(x.dtype))
