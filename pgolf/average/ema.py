"""Exponential moving average of all weights, in float32, starting from the first weights: E <- d E + (1 - d) W.

From    Polyak & Juditsky 1992; parameter-golf PR 401
"""

import torch


class Ema:
    def __init__(self, cfg, model):
        self.weight = 1 - cfg.decay
        self.parameters = list(model.parameters())
        self.averages = [p.detach().float().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self, multiplier: float, step: int) -> None:
        """After optimizer step `step`, counted from 1, at `multiplier` times the base learning rate."""
        torch._foreach_lerp_(self.averages, [p.float() for p in self.parameters], self.weight)

    def apply(self) -> None:
        """Put the averages in the place of the weights."""
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.data.copy_(average)


def build(cfg, model) -> Ema:
    return Ema(cfg, model)
