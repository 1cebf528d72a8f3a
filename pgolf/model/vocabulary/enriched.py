"""Tied embedding and head, with parts between the table and the stream, in the order of the recipe: each maps x to x.

    x = E[ids];  x = part(x, ids) for each part of `inputs`          {kind: norm} is where the sum is brought to unit RMS

Why     what a token stands for depends on its neighbours; before the first block that costs a few vectors, not a layer
From    parameter-golf PR 162
Sees    what its parts see
"""

import torch.nn.functional as F
from torch import nn

from pgolf.core.load import load
from pgolf.model.vocabulary.tied import Tied


class Enriched(Tied):
    def __init__(self, cfg):
        super().__init__(cfg)
        self.inputs = nn.ModuleList(load("model.inputs", part).build(cfg, part) for part in cfg.vocabulary.inputs)

    def embed(self, ids_BT):
        x = F.embedding(ids_BT, self.tok_emb)
        for part in self.inputs:
            x = part(x, ids_BT)
        return x


def build(cfg) -> Enriched:
    return Enriched(cfg)
