"""Muon with its weight decay after the update, not before: the step that was just taken is shrunk, too.

    W <- (W - lr X) (1 - lr wd)

From    parameter-golf PR 332
"""

import torch

from pgolf.optim.muon import Muon


class MuonDecayAfter(Muon):
    def apply(self, lr: float) -> None:
        torch._foreach_add_(self.parameters, [u.float() for u in self.updates], alpha=-lr)
        torch._foreach_mul_(self.parameters, 1 - lr * self.cfg.weight_decay)


def build(cfg, parameters) -> MuonDecayAfter:
    return MuonDecayAfter(cfg, parameters)
