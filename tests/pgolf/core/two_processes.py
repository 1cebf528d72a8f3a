"""What ranks compute together. Run as a program by test_two_processes.py, twice, as ranks 0 and 1."""

import sys
from types import SimpleNamespace

import numpy as np
import torch

from pgolf.core import ranks, run
from pgolf.core.errors import ScoreOrderError
from pgolf.evals import phased_lora, sliding, ttt_sgd
from pgolf.evals.document_ledger import DocumentLedger
from pgolf.evals.learning_ledger import LearningLedger
from pgolf.evals.windows import score_plan
from pgolf.optim import muon_eq_r
from pgolf.optim.gradients import clip_micro_batch
from pgolf.quant.hessian import collect
from pgolf.stages.train import Trainer
from tests.pgolf.evals import documents
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


def test_time_training(chunk_tokens):
    """Score and weights after seven chunks, of which six are learned from."""
    fields = {"window": 8, "stride": 4, "batch_windows": 3, "epochs": 2, "lr": 0.1, "momentum": 0.9, "clip_norm": 1.0}
    cfg = tree(kind="ttt_sgd", chunk_tokens=chunk_tokens, batch_sequences=3, **fields)
    tokens = np.random.default_rng(0).integers(0, 48, 6 * chunk_tokens + 6).astype(np.uint16)
    model = random_model(model_cfg())
    ledger = ttt_sgd.score(cfg, ttt_sgd.prepare(cfg, model), tokens, np.ones(len(tokens) - 1, np.int16))
    totals = {name: torch.tensor(value, dtype=torch.float64) for name, value in ledger.totals().items()}
    return totals | {name: p.detach() for name, p in model.named_parameters()}


def refusals():
    """What becomes of learning from a chunk of eight targets that is not scored, or half of it twice and half never."""
    first, last = ranks.share_of(8)
    found = {}
    for name, start, stop in (("last not scored", first, min(last, 7)), ("half twice", 0, 4), ("scored", first, last)):
        book = LearningLedger(np.arange(9, dtype=np.uint16), np.ones(8, np.int16))
        book.skip_to(start)
        book.commit(start, np.ones(stop - start, np.float32))
        try:
            book.release(0, 8)
            found[name] = torch.tensor(0)
        except ScoreOrderError:
            found[name] = torch.tensor(1)
    return found


def adapters_and_pauses():
    """Score and weights of documents read by three lanes, of which one rank has one; the weights learn twice."""
    model = documents.model_of()
    tokens = documents.stream(range(3, 28))
    sgd = {"chunk_tokens": 36, "epochs": 1, "lr": 0.1, "momentum": 0.9, "clip_norm": 1.0}
    cfg = documents.lora_cfg(lanes=3, prefix_documents=10, global_sgd=sgd)
    ledger = phased_lora.score(cfg, phased_lora.prepare(cfg, model), tokens, np.ones(len(tokens) - 1, np.int16))
    totals = {name: torch.tensor(value, dtype=torch.float64) for name, value in ledger.totals().items()}
    return totals | {name: p.detach() for name, p in model.named_parameters()}


def twice():
    """What becomes of a target that each rank scores; alone, one scores it for both."""
    book = DocumentLedger(np.arange(9, dtype=np.uint16), np.ones(8, np.int16))
    try:
        for _ in range(2 // run.WORLD):
            book.commit(np.array([3]), torch.ones(1))
        book.meet()
    except ScoreOrderError:
        return {"refused": torch.tensor(1)}
    return {"refused": torch.tensor(0)}


def gradients():
    """Parameters of two types, as on a GPU: ranks must sum them in the same order."""
    parameters = [
        torch.nn.Parameter(random(5, seed=i).to(t)) for i, t in enumerate((torch.bfloat16, torch.float32) * 3)
    ]
    for i, parameter in enumerate(parameters):
        parameter.grad = torch.full_like(parameter, 8.0 * (i + 1)) / run.WORLD
    Trainer.gradients(SimpleNamespace(mine=(), model=SimpleNamespace(parameters=lambda: iter(parameters))))
    return {str(i): p.grad.float() for i, p in enumerate(parameters)}


def clipped():
    """The mean of the gradients of four micro-batches, each clipped by itself."""
    model = random_model(model_cfg())
    tokens = np.random.default_rng(0).integers(0, 48, (4, 2, 13))
    trainer = SimpleNamespace(
        mine=ranks.logical_ranks(4),
        logical=4,
        sequences=2,
        loader=SimpleNamespace(next_batch=lambda logical_rank, sequences: (tokens[logical_rank],)),
        model=model,
        forward=model,
        treatment=clip_micro_batch.build(tree(norm=0.3), model, 4),
    )
    Trainer.gradients(trainer)
    return {name: p.grad for name, p in model.named_parameters()}


PARTS = {
    "gradients of two types": gradients,
    "gradients of clipped micro-batches": clipped,
    "rank 0's number": lambda: {"": torch.tensor(ranks.from_rank_0(7.0 + ranks.RANK))},
    "weights": weights,
    "totals": totals,
    "test-time training": lambda: test_time_training(32),
    "test-time training on fewer sequences than ranks": lambda: test_time_training(8),
    "refusal of a chunk that is not scored": refusals,
    "adapters and pauses": adapters_and_pauses,
    "refusal of a target that both score": twice,
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
