"""One pass over the validation stream with a given model: time, loss and bits per byte as one event."""

import time

import torch

from pgolf.core import ranks, run
from pgolf.core.events import event
from pgolf.core.load import load
from pgolf.data.byte_counts import byte_tables, load_tokenizer, target_bytes
from pgolf.data.shards import validation_tokens
from pgolf.evals.ledger import Ledger
from pgolf.evals.windows import score


def warm_up(cfg, method, model) -> None:
    """Compile on random tokens what the pass will run. No validation data, and no change to the model."""
    plan = method.plan(cfg, 3 * cfg.window)
    scored = cfg.window - int(plan[-1, 1] - plan[-1, 0])
    ids = torch.randint(0, 256, (cfg.batch_windows, cfg.window), device=ranks.device())
    with torch.no_grad():
        model(ids, ids[:, -scored:])


def one_pass(cfg, how, model, label: str, phase: str) -> Ledger:
    """Score all validation targets by method `how`; the event goes out when all ranks are done."""
    method = load("evals", how)
    tokens_N = validation_tokens(run.dataset(cfg), how.window)
    tables = byte_tables(load_tokenizer(run.tokenizer(cfg), cfg.model.vocab_size), cfg.model.vocab_size)
    fast = ranks.compiled(model)
    if fast is not model:
        warm_up(how, method, fast)
    ranks.synchronize()
    ranks.barrier()
    event("clock", phase=phase, limit_seconds=cfg.budgets.eval_seconds)
    start = time.perf_counter()
    event("validation", val_tokens=len(tokens_N) - 1)
    plan = method.plan(how, len(tokens_N) - 1)
    bytes_N = target_bytes(tables, tokens_N)

    def forward(ids_BT, targets_BK):
        """A batch short of full runs as it is: a graph for one use costs more than it saves."""
        return (fast if len(ids_BT) == how.batch_windows else model)(ids_BT, targets_BK)

    ledger = score(forward, tokens_N, bytes_N, plan, how.window, how.batch_windows)
    totals = ledger.totals()
    seconds = time.perf_counter() - start
    event("score", label=label, phase=phase, seconds=seconds, windows=len(plan), **totals)
    return ledger
