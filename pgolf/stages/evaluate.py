"""Evaluate: artifact + validation shards -> the score, in one pass, and the ledger of every token's loss."""

import hashlib

from pgolf.core import ranks, run
from pgolf.core.events import event
from pgolf.core.load import load
from pgolf.stages.scoring import one_pass
from pgolf.stages.weights import packed


def run_stage(cfg) -> None:
    how = cfg.evaluation.score
    ledger = one_pass(cfg, how, packed(cfg), load("evals", how).label(how), "evaluate")
    # Every rank writes its part at its place; the digest is over the whole.
    if run.RANK == 0:
        run.LEDGER.write_bytes(b"")
    ranks.barrier()
    with open(run.LEDGER, "r+b") as file:
        file.seek(4 * ledger.start)
        file.write(ledger.nats_N.tobytes())
    ranks.barrier()
    if run.RANK == 0:
        event("ledger", sha256=hashlib.sha256(run.LEDGER.read_bytes()).hexdigest())
