"""Exclusive self attention: what a position attends to, without the part that its own value already says.

    y <- y - (y . v^) v^      v^ = v / ||v||, the value of the same position and of the head's key/value group

Why     the residual stream carries the position's own value anyway; the head is left with what others add
From    parameter-golf PR 265 (partial), PR 1394 (all layers)
Sees    its own position
"""

# B batch, T position, H query heads, K key/value heads, G = H / K, D head width
import torch
import torch.nn.functional as F
from torch import nn


class Xsa(nn.Module):
    def forward(self, y_BTHD: torch.Tensor, v_BTKD: torch.Tensor, x_BTC) -> torch.Tensor:
        direction_BTK1D = F.normalize(v_BTKD, dim=-1)[:, :, :, None]
        y_BTKGD = y_BTHD.unflatten(2, (v_BTKD.size(2), -1))
        own_BTKG1 = (y_BTKGD * direction_BTK1D).sum(-1, keepdim=True)
        return (y_BTKGD - own_BTKG1 * direction_BTK1D).reshape(y_BTHD.shape)


def build(cfg, part) -> Xsa:
    return Xsa()
