"""SmearGate: each token's embedding takes in a gated part of the embedding before it, never across a document's start.

    e_t <- e_t + strength * sigmoid(gate . e_t[:channels]) * e_{t-1}        e_t stays where t = 0 or the token is BOS

Why     a bigram signal before the first block, for channels + 1 numbers; at strength 0 it is the identity, where it starts
From    modded-nanogpt; parameter-golf PR 1667; the stop at BOS from PR 1851
Sees    positions t and t - 1
"""

# B batch, T position, C width, K gate channels
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import SCALAR, tag


class SmearDocuments(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.bos_token = part.bos_token
        self.gate = tag(nn.Parameter(torch.zeros(1, part.channels)), SCALAR)
        self.strength = tag(nn.Parameter(torch.zeros(1)), SCALAR)

    def forward(self, x_BTC, ids_BT):
        now = x_BTC[:, 1:]
        gate = torch.sigmoid(F.linear(now[..., : self.gate.size(1)], self.gate.to(now.dtype)))
        inside = (ids_BT[:, 1:, None] != self.bos_token).to(now.dtype)
        smeared = now + self.strength.to(now.dtype) * gate * x_BTC[:, :-1] * inside
        return torch.cat([x_BTC[:, :1], smeared], 1)


def build(cfg, part) -> SmearDocuments:
    return SmearDocuments(part)
