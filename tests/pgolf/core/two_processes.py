"""What ranks compute together. Run as a program by test_two_processes.py, twice, as ranks 0 and 1."""

import sys
from types import SimpleNamespace

import numpy as np
import torch

from pgolf.core import ranks, run
from pgolf.evals import sliding
from pgolf.evals.windows import score_plan
from pgolf.optim import muon_eq_r
from pgolf.quant.hessian import collect
from pgolf.stages.train import Trainer
from tests.recipes import model_cfg, muon_cfg, random_model, tree

SHAPES = [(12, 8), (8, 12), (12, 8), (6, 6), (12, 8)]


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def hessians(count):
    generator = torch.Generator().manual_seed(0)
    batches = (torch.randint(48, (2, 12), generator=generator) for _ in range(100))
    return collect(random_model(model_cfg()), batches, count)


def weights():
    """After three steps of Muon: five matrices of three shapes, so that shares are uneven and some are empty."""
    parameters = [torch.nn.Parameter(random(*shape, seed=i)) for i, shape in enumerate(SHAPES)]
    optimizer = muon_eq_r.build(muon_cfg("muon_eq_r", weight_decay=0.1), parameters)
    for step in range(3):
        for i, parameter in enumerate(parameters):
            parameter.grad = random(*SHAPES[i], seed=10 * (step + 1) + i)
        optimizer.update(0.5, step)
    return {str(i): p.detach() for i, p in enumerate(parameters)}


def totals():
    tokens = np.random.default_rng(0).integers(0, 48, 90).astype(np.uint16)
    plan = sliding.plan(tree(window=16, stride=4), 89)
    ledger = score_plan(random_model(model_cfg()), tokens, np.arange(89, dtype=np.int16), plan, 16, 5)
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in ledger.totals().items()}


def gradients():
    """Parameters of two types, as on a GPU: ranks must sum them in the same order."""
    parameters = [
        torch.nn.Parameter(random(5, seed=i).to(t)) for i, t in enumerate((torch.bfloat16, torch.float32) * 3)
    ]
    for i, parameter in enumerate(parameters):
        parameter.grad = torch.full_like(parameter, 8.0 * (i + 1)) / run.WORLD
    Trainer.gradients(SimpleNamespace(mine=(), model=SimpleNamespace(parameters=lambda: iter(parameters))))
    return {str(i): p.grad.float() for i, p in enumerate(parameters)}


PARTS = {
    "gradients of two types": gradients,
    "rank 0's number": lambda: {"": torch.tensor(ranks.from_rank_0(7.0 + ranks.RANK))},
    "weights": weights,
    "totals": totals,
    "hessians of four batches": lambda: hessians(4),
    "hessians of a batch for each rank": lambda: hessians(2),
    "hessians of fewer batches than ranks": lambda: hessians(1),
}


if __name__ == "__main__":
    ranks.device()
    results: dict[str, dict | str] = {}
    for name, part in PARTS.items():
        try:
            results[name] = part()
        except RuntimeError as error:
            results[name] = str(error)
            break
    torch.save(results, sys.argv[1])
