"""Every micro-batch's own gradient scaled down to an L2 norm, where it is longer, before they are averaged.

    g <- sum over micro-batches b of  min(1, norm / ||g_b||) g_b / micro_batches

Why     an odd batch cannot drown the others of its step; with a micro-batch on each GPU nobody waits for the average
From    parameter-golf PR 1530
"""

import torch


class ClipMicroBatch:
    def __init__(self, cfg, model, micro_batches: int):
        self.norm = cfg.norm / micro_batches  # a loss comes here divided by their number
        self.parameters = list(model.parameters())

    def backward(self, loss) -> None:
        """Add the gradient of one micro-batch."""
        sums = [p.grad for p in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.norm)
        if sums[0] is not None:
            torch._foreach_add_([p.grad for p in self.parameters], sums)

    def finish(self, multiplier: float) -> None:
        """Called with the gradients of the whole step, before the optimizers."""

    def leave(self) -> None:
        """Called after the last step."""


def build(cfg, model, micro_batches: int) -> ClipMicroBatch:
    return ClipMicroBatch(cfg, model, micro_batches)
