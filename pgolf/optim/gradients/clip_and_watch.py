"""Clipping, and a record of how large the gradient of each matrix is at the end of the warm-down, before it is clipped.

    in every step with 0 < m < below_multiplier:   S[name] += mean(grad^2)           at the end: S / steps, into a file

Watched are parameters of two dimensions with at least 64 rows. The sums stay on the device and are read once; the published
script reads 75 numbers back in each of these steps, which makes them 17 ms longer.
Why     quant/gradient_bits.py gives tensors that the loss still pulls at more bits
From    parameter-golf PR 332
"""

import torch

from pgolf.core import sensitivity
from pgolf.core.run import RANK
from pgolf.optim.gradients.clip import Clip

ROWS_MIN = 64


class ClipAndWatch(Clip):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.below = cfg.below_multiplier
        self.watched = {n: p for n, p in model.named_parameters() if p.dim() == 2 and len(p) >= ROWS_MIN}
        self.squares = torch.zeros(len(self.watched), device=self.parameters[0].device)
        self.steps = 0

    @torch.no_grad()
    def finish(self, multiplier: float) -> None:
        if 0 < multiplier < self.below:
            norms = torch._foreach_norm([p.grad for p in self.watched.values()], 2, torch.float32)
            self.squares += torch.stack(norms).square()
            self.steps += 1
        super().finish(multiplier)

    def leave(self) -> None:
        """Without a step in the window no tensor has a value."""
        if RANK == 0:
            rows = zip(self.watched.items(), self.squares.tolist(), strict=True)
            sensitivity.write({n: total / p.numel() / self.steps for (n, p), total in rows if self.steps})


def build(cfg, model, micro_batches: int) -> ClipAndWatch:
    return ClipAndWatch(cfg, model)
