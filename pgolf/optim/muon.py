"""Muon: momentum, orthogonalised, for the matrices inside the blocks.

    M <- mu M + G;   U = G + mu M;   X = orthogonalize(U) sqrt(max(1, rows / columns));   W <- W (1 - lr wd) - lr X

Matrices of one shape are orthogonalised as one stack. With several ranks each takes a share of every shape, and the
updates meet in one flat vector that is summed, so every rank applies the same numbers.
From    Jordan et al. 2024; parameter-golf baseline
"""

# N matrices, R rows, C columns
import torch

from pgolf.core.ranks import activation_dtype, all_sum, compiled
from pgolf.core.run import RANK, WORLD
from pgolf.optim.newton_schulz import QUINTIC, orthogonalize


class Muon:
    def __init__(self, cfg, parameters: list[torch.nn.Parameter]):
        self.cfg = cfg
        self.parameters: list = parameters
        self.dtype = activation_dtype()
        self.coefficients = self.iteration()
        self.orthogonalize = compiled(orthogonalize)
        shapes: dict[torch.Size, list[int]] = {}
        for i, parameter in enumerate(parameters):
            shapes.setdefault(parameter.shape, []).append(i)
        self.stacks = [stack for members in shapes.values() if (stack := members[RANK::WORLD])]
        self.momenta = {i: torch.zeros_like(parameters[i]) for stack in self.stacks for i in stack}
        self.flat = torch.zeros(sum(p.numel() for p in parameters), dtype=self.dtype, device=parameters[0].device)
        pieces = self.flat.split([p.numel() for p in parameters])
        self.updates = [piece.view_as(p) for piece, p in zip(pieces, parameters, strict=True)]

    def iteration(self):
        """Coefficients of the Newton-Schulz steps."""
        return [QUINTIC] * self.cfg.newton_schulz_steps

    def precondition(self, u_NRC: torch.Tensor) -> torch.Tensor:
        return u_NRC

    def momentum(self, step: int) -> float:
        ramp = self.cfg.momentum
        part = min(step / ramp.steps, 1.0) if ramp.steps else 1.0
        return (1 - part) * ramp.first + part * ramp.last

    @torch.no_grad()
    def update(self, multiplier: float, step: int) -> None:
        """One step at `multiplier` times the base learning rate; gradients are those of all ranks together."""
        mu, lr = self.momentum(step), self.cfg.lr * multiplier
        if WORLD > 1:
            self.flat.zero_()
        for stack in self.stacks:
            gradients = [self.parameters[i].grad for i in stack]
            momenta = [self.momenta[i] for i in stack]
            torch._foreach_mul_(momenta, mu)
            torch._foreach_add_(momenta, gradients)
            u_NRC = self.precondition(torch.stack(torch._foreach_add(gradients, momenta, alpha=mu)))
            x_NRC = self.orthogonalize(u_NRC, self.coefficients, self.dtype)
            x_NRC = x_NRC * max(1.0, x_NRC.size(1) / x_NRC.size(2)) ** 0.5
            for i, x_RC in zip(stack, x_NRC, strict=True):
                self.updates[i].copy_(x_RC)
        all_sum(self.flat)
        self.apply(lr)

    def apply(self, lr: float) -> None:
        if self.cfg.weight_decay:
            torch._foreach_mul_(self.parameters, 1 - lr * self.cfg.weight_decay)
        torch._foreach_add_(self.parameters, [u.float() for u in self.updates], alpha=-lr)


def build(cfg, parameters) -> Muon:
    return Muon(cfg, parameters)
