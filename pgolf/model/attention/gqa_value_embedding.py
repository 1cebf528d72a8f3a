"""Grouped-query attention whose values, in some layers, also say which token stands there.

    v = x Wv^T + gain * scale * (table[token] P^T)      one table, P and scale for these layers together, a gain for each

Why     what a head passes on need not be carried through all earlier blocks; a narrow table costs few bytes
From    Zhou et al. 2024 (value residual), modded-nanogpt (value embeddings); parameter-golf PR 1218
Sees    as gqa
"""

# B batch, T position, C model width, K key/value heads, D head width
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import MATRIX, SCALAR, TABLE, tag
from pgolf.model.attention.gqa import Gqa
from pgolf.model.linear import Linear


class ValueEmbedding(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        how, heads = cfg.attention.value_embedding, cfg.attention
        self.table = tag(nn.Parameter(torch.randn(cfg.vocab_size, how.width) * how.init_std), TABLE)
        self.proj = Linear(how.width, cfg.width // heads.heads * heads.kv_heads, cfg.init, MATRIX)
        self.scale = tag(nn.Parameter(torch.full((1,), how.scale)), SCALAR)

    def forward(self, ids_BT):
        v = self.proj(F.embedding(ids_BT, self.table))
        return v * self.scale.to(v.dtype)


class GqaValueEmbedding(Gqa):
    def __init__(self, cfg, layer: int, embedding: ValueEmbedding):
        super().__init__(cfg, layer)
        self.value_gain = tag(nn.Parameter(torch.ones(1)), SCALAR)
        if layer == min(cfg.attention.value_embedding.layers):
            self.value_embedding = embedding
        self.shared = (embedding,)  # in a tuple it is no part of this layer: the first of the layers owns it

    def values(self, x_BTC, context):
        return self.c_v(x_BTC) + self.value_gain.to(x_BTC.dtype) * self.shared[0](context[0])


newest: list[
    ValueEmbedding
] = []  # of the model that is being built: layers are built in order, models one after the other


def build(cfg, layer: int) -> Gqa:
    layers = cfg.attention.value_embedding.layers
    if layer == min(layers):
        newest[:] = [ValueEmbedding(cfg)]
    return GqaValueEmbedding(cfg, layer, newest[0]) if layer in layers else Gqa(cfg, layer)
