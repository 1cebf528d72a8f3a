"""AdamW with decoupled weight decay (weight decay 0 is Adam).

From    Loshchilov & Hutter 2019
"""

import torch


class AdamW:
    def __init__(self, cfg, parameters: list[torch.nn.Parameter]):
        self.lr = cfg.lr
        self.inner = torch.optim.AdamW(
            parameters, cfg.lr, tuple(cfg.betas), cfg.eps, cfg.weight_decay, fused=parameters[0].is_cuda
        )

    def update(self, multiplier: float, step: int) -> None:
        """One step at `multiplier` times the base learning rate."""
        self.inner.param_groups[0]["lr"] = self.lr * multiplier
        self.inner.step()


def build(cfg, parameters) -> AdamW:
    return AdamW(cfg, parameters)
