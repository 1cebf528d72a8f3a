"""Two matrices, one for each end, in an embedding width E of their own with a projection to the model width and back.

The head starts at zero, so that the first prediction is uniform.
From    parameter-golf baseline (untied option), PR 1218 (embedding width)
"""

import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import EMBEDDING, HEAD, MATRIX, tag
from pgolf.model.linear import Linear
from pgolf.model.norm import rms


class Untied(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        inner = cfg.vocabulary.width
        self.tok_emb = tag(nn.Parameter(torch.randn(cfg.vocab_size, inner) * cfg.vocabulary.init_std), EMBEDDING)
        self.embed_proj = Linear(inner, cfg.width, cfg.init, MATRIX)
        self.head_proj = Linear(cfg.width, inner, cfg.init, MATRIX)
        self.head = tag(nn.Parameter(torch.zeros(cfg.vocab_size, inner)), HEAD)

    def embed(self, ids_BT):
        return self.embed_proj(rms(F.embedding(ids_BT, self.tok_emb)))

    def head_input(self, h):
        return self.head_proj(h)


def build(cfg) -> Untied:
    return Untied(cfg)
