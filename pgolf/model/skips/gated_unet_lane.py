"""Gated U-Net skips (skips/gated_unet.py) into the first of two lanes. The others pass as they are; one stream becomes two.

From    parameter-golf PR 1529
"""

from pgolf.model.skips.gated_unet import GatedUnet


class GatedUnetLane(GatedUnet):
    def forward(self, k: int, x, encoder_output):
        first, *others = x if isinstance(x, tuple) else (x, x)
        return super().forward(k, first, encoder_output), *others


def build(cfg, slots: int) -> GatedUnetLane:
    return GatedUnetLane(slots, cfg.width)
