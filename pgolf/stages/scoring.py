"""One pass over the validation stream with a given model: time, loss and bits per byte as one event."""

import time

from pgolf.core import ranks, run
from pgolf.core.events import event
from pgolf.core.load import load
from pgolf.data.shards import validation_tokens
from pgolf.evals.ledger import Ledger


def one_pass(cfg, how, model, label: str, phase: str) -> Ledger:
    """Score all validation targets by method `how`; the event goes out when all ranks are done."""
    method = load("evals", how)
    tokens_N = validation_tokens(run.dataset(cfg), how.window)
    bytes_N = load("data.bytes", cfg.data.bytes).count(cfg, tokens_N)
    scorer = method.prepare(how, model)
    ranks.synchronize()
    ranks.barrier()
    event("clock", phase=phase, limit_seconds=cfg.budgets.eval_seconds)
    start = time.perf_counter()
    event("validation", val_tokens=len(tokens_N) - 1)
    ledger = method.score(how, scorer, tokens_N, bytes_N)
    totals = ledger.totals()
    event("score", label=label, phase=phase, seconds=time.perf_counter() - start, **totals)
    return ledger
