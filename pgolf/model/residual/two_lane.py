"""Two streams from layer `lanes_start_layer` on: attention reads the first, the MLP the second, and both write to both.

    a = attn_scale * Attention(s rms(mix[0] lane0 + mix[1] x0))        m = mlp_scale * MLP(s rms(lane1))
    lane_i <- rho[i] lane_i + pi[attention, i] a + pi[mlp, i] m        both lanes begin as x; the output is their mean

Blocks before it are serial (residual/serial.py). Skips reach only the first lane (skips/gated_unet_lane.py), which is why they
hand on what they read as a second lane: a serial block drops it, the first block with two lanes needs it. That block owns the
rho and pi of all layers, and hands them on behind the lanes.
Why     attention and MLP of a layer do not wait for one another, and learn which of the others to hear
From    parameter-golf PR 1529
Sees    what its attention sees
"""

import torch
from torch import nn

from pgolf.core.roles import SCALAR, tag
from pgolf.model.norm import rms
from pgolf.model.residual.serial import Serial


class OneLane(Serial):
    def forward(self, x, x0, context):
        return super().forward(x[0] if isinstance(x, tuple) else x, x0, context)


class TwoLane(Serial):
    def __init__(self, cfg, layer: int):
        super().__init__(cfg, layer)
        self.layer = layer
        self.last = layer == cfg.layers - 1

    def forward(self, lanes, x0, context):
        zero, one, *weights = lanes
        rho, pi = (weight[self.layer].to(zero.dtype) for weight in weights)
        mix = self.resid_mix.to(zero.dtype)
        a = self.attn_scale.to(zero.dtype) * self.attn(rms(mix[0] * zero + mix[1] * x0) * self.scale, context)
        m = self.mlp_scale.to(zero.dtype) * self.mlp(rms(one) * self.scale)
        zero, one = (rho[i] * lane + pi[0, i] * a + pi[1, i] * m for i, lane in enumerate((zero, one)))
        return (zero + one) / 2 if self.last else (zero, one, *weights)


class FirstTwoLane(TwoLane):
    def __init__(self, cfg, layer: int):
        super().__init__(cfg, layer)
        self.rho = tag(nn.Parameter(torch.full((cfg.layers, 2), 1.1)), SCALAR)
        self.pi = tag(nn.Parameter(torch.ones(cfg.layers, 2, 2)), SCALAR)  # source, lane

    def forward(self, x, x0, context):
        lanes = x if isinstance(x, tuple) else (x, x)
        return super().forward((*lanes, self.rho, self.pi), x0, context)


def build(cfg, layer: int) -> Serial:
    start = cfg.residual.lanes_start_layer
    return (OneLane if layer < start else TwoLane if layer > start else FirstTwoLane)(cfg, layer)
