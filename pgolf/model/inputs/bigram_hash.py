"""BigramHash: adds to each token's embedding a learned vector for the pair that it forms with the token before it.

    bucket_t = (36313 id_t XOR 27191 id_{t-1}) mod (buckets - 1), in 32 bits that wrap;  bucket_0 = buckets - 1
    x <- x + beta P Tb[bucket]           Tb (buckets, width) starts at 0, P (C, width) orthogonal / sqrt(2 layers), beta at 0.05

Why     a table of pairs tells bigram statistics before the first block; pairs share buckets, so it costs few bytes
From    parameter-golf PR 162
Sees    positions t and t - 1

Worked example, 4096 buckets: after token 1, token 5 is in bucket 3892; the first token of a row is in 4095 whatever it is.
P is trained as a `projection: matrix` or, as in PR 332, together with the table.
"""

# B batch, T position, C width of the stream
import torch
import torch.nn.functional as F
from torch import nn

from pgolf.core.roles import MATRIX, SCALAR, TABLE, tag
from pgolf.model.linear import Linear


class BigramHash(nn.Module):
    def __init__(self, cfg, part):
        super().__init__()
        self.table = tag(nn.Parameter(torch.zeros(part.buckets, part.width)), TABLE)
        # A table's projection goes with the table, but keeps its float32.
        role = MATRIX if part.projection == "matrix" else TABLE + ".projection"
        self.proj = Linear(part.width, cfg.width, cfg.init, role)
        self.proj.weight.data *= (2 * cfg.layers) ** -0.5
        self.beta = tag(nn.Parameter(torch.tensor(part.scale_init)), SCALAR)

    def buckets(self, ids_BT):
        last = len(self.table) - 1
        ids_BT = ids_BT.int()
        pairs = (36313 * ids_BT[:, 1:] ^ 27191 * ids_BT[:, :-1]) % last
        return F.pad(pairs, (1, 0), value=last)

    def forward(self, x_BTC, ids_BT):
        pair_BTC = self.proj(F.embedding(self.buckets(ids_BT), self.table))
        return x_BTC + pair_BTC * self.beta.to(pair_BTC.dtype)


def build(cfg, part) -> BigramHash:
    return BigramHash(cfg, part)
