"""One matrix for both ends: row t is token t's embedding and its output direction.

From    Press & Wolf 2017; parameter-golf baseline
"""

import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import EMBEDDING, tag
from pgolf.model.norm import rms


class Tied(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.tok_emb = tag(nn.Parameter(torch.randn(cfg.vocab_size, cfg.width) * cfg.vocabulary.init_std), EMBEDDING)

    @property
    def head(self):
        return self.tok_emb

    def embed(self, ids_BT):
        return rms(F.embedding(ids_BT, self.tok_emb))

    def head_input(self, h):
        return h


def build(cfg) -> Tied:
    return Tied(cfg)
