"""Gated U-Net skips with a fixed number of weights and gates: decoder blocks beyond that number share the last ones.

    decoder block k uses slot min(k, slots - 1)

Why     layers that run twice make the decoder longer; the parameters stay those of the network without repeats
From    parameter-golf PR 1260
"""

from pgolf.model.skips.gated_unet import GatedUnet


class GatedUnetCapped(GatedUnet):
    def forward(self, k: int, x, encoder_output):
        return super().forward(min(k, len(self.gates) - 1), x, encoder_output)


def build(cfg, slots: int) -> GatedUnetCapped:
    return GatedUnetCapped(cfg.skips.slots, cfg.width)
