"""The norm of the embedding path, x / rms(x): what stands before it adds to the embedding, what stands after reads its result."""

from torch import nn

from pgolf.model.norm import rms


class Norm(nn.Module):
    def forward(self, x_BTC, ids_BT):
        return rms(x_BTC)


def build(cfg, part) -> Norm:
    return Norm()
