"""Gradients of a step scaled down to a global L2 norm, where they are longer.

From    Pascanu et al. 2013
"""

import torch


class Clip:
    def __init__(self, cfg, model):
        self.norm = cfg.norm
        self.parameters = list(model.parameters())

    def backward(self, loss) -> None:
        """Add the gradient of one micro-batch."""
        loss.backward()

    def finish(self, multiplier: float) -> None:
        """Called with the gradients of the whole step, before the optimizers."""
        torch.nn.utils.clip_grad_norm_(self.parameters, self.norm)

    def leave(self) -> None:
        """Called after the last step."""


def build(cfg, model, micro_batches: int) -> Clip:
    return Clip(cfg, model)
