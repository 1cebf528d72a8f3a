"""A block whose attention and MLP read the same stream, from a layer on; the layers before it are serial.

    x <- mix[0] x + mix[1] x0       x <- x + attn_scale * Attention(s rms(x)) + mlp_scale * MLP(s rms(x))

Why     late layers agree little with each other's order, and one norm feeds both
From    GPT-J 2021; parameter-golf PR 1204, PR 1412
Sees    what its attention sees
"""

from pgolf.model.norm import rms
from pgolf.model.residual.serial import Serial


class Parallel(Serial):
    def forward(self, x, x0, context):
        mix = self.resid_mix.to(x.dtype)
        x = mix[0] * x + mix[1] * x0
        read = rms(x) * self.scale
        attended = self.attn_scale.to(x.dtype) * self.attn(read, context)
        return x + attended + self.mlp_scale.to(x.dtype) * self.mlp(read)


def build(cfg, layer: int) -> Serial:
    return (Serial if layer < cfg.residual.start_layer else Parallel)(cfg, layer)
