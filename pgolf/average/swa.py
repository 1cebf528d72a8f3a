"""Stochastic weight averaging: the mean of snapshots taken every few steps once the learning rate has come down.

    after step n at multiplier m:   S <- S + W when m < below_multiplier and n is divisible by every_steps        result S / count

With fewer than two snapshots the last weights are the result.
Why     late weights circle around a minimum, and their mean lies nearer to it than any of them
From    Izmailov et al. 2018; parameter-golf PR 162, which sums each tensor in its own type (sum_dtype "parameter"): 30 embeddings
        in bf16, which loses digits. There the sums live on the CPU; here they stay where the weights are.
"""

import torch

from pgolf.core.events import LINES, event

LINES["averaged"] = "swa:averaged {snapshots} checkpoints, the first of step {first_step}"


class Swa:
    def __init__(self, cfg, model):
        self.cfg = cfg
        self.parameters = list(model.parameters())
        dtype = torch.float32 if cfg.sum_dtype == "float32" else None
        self.sums = [torch.zeros_like(p, dtype=dtype, requires_grad=False) for p in self.parameters]
        self.count = self.first_step = 0

    @torch.no_grad()
    def update(self, multiplier: float, step: int) -> None:
        """After optimizer step `step`, counted from 1, at `multiplier` times the base learning rate."""
        if multiplier < self.cfg.below_multiplier and step % self.cfg.every_steps == 0:
            for total, parameter in zip(self.sums, self.parameters, strict=True):
                total.add_(parameter)
            self.count += 1
            self.first_step = self.first_step or step

    def apply(self) -> None:
        """Put the averages in the place of the weights."""
        event("averaged", snapshots=self.count, first_step=self.first_step)
        if self.count > 1:
            for parameter, total in zip(self.parameters, self.sums, strict=True):
                parameter.data.copy_(total / self.count)


def build(cfg, model) -> Swa:
    return Swa(cfg, model)
