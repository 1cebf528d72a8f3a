"""Test-time training of adapters, one set for each document, learned from that document alone and only from what is scored.

    for a batch of documents, chunk c of each:  score it under the adapters;  then one AdamW step on the sum over the
    documents that go on of their chunk's mean loss, the same forward pass.    A chunk sees up to `window` tokens before its end.

With `warm_start` a lane's documents begin with the A of its documents before; B begins with zero.

Why     a document is like itself: the weights of its own adapters say what came before the window, and what to make of it
From    parameter-golf PR 1530; warm start of A from PR 1767
Sees    tokens before the target: in its window directly, before its chunk through the document's adapters;
        with warm_start, documents that were scored before
"""

# B documents of a batch, T positions, K those of a chunk, L losses committed at once
from typing import Any, NamedTuple

import numpy as np
import torch

from pgolf.core.events import event
from pgolf.core.ranks import device, share_of
from pgolf.evals.document_ledger import DocumentLedger, on_device
from pgolf.evals.document_queue import cost, deal, documents, queue
from pgolf.evals.ledger import Ledger
from pgolf.evals.lora import Adapters, Factors, attached


def label(cfg) -> str:
    return "quantized_ttt_lora"


class Scorer(NamedTuple):
    model: Any
    run: Any
    """The same, compiled for any number of rows and any width."""
    adapters: Adapters

    def nats(self, ids_BT: torch.Tensor, targets_BK: torch.Tensor) -> torch.Tensor:
        """(B, K) of the last K positions."""
        if self.run is not self.model:
            for tensor in (ids_BT, targets_BK, *self.adapters.factors):
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
            if ids_BT.size(1) > targets_BK.size(1):
                torch._dynamo.maybe_mark_dynamic(ids_BT, 1)
        return self.run(ids_BT, targets_BK)


def prepare(cfg, model) -> Scorer:
    """Compiled on random tokens: no validation data, no change to the model."""
    model.requires_grad_(False)
    gpu = device().type == "cuda"
    scorer = Scorer(model, torch.compile(model) if gpu else model, Adapters(model, cfg.rank, cfg.alpha))
    if gpu:
        with attached(model, scorer.adapters):
            for width in cfg.window, cfg.step_tokens:
                scorer.adapters.begin(cfg.batch_documents, torch.Generator(device()))
                ids_BT = torch.randint(0, 256, (cfg.batch_documents, width), device=device())
                scorer.nats(ids_BT, ids_BT[:, -cfg.step_tokens :].clone()).sum().backward()
    return scorer


class Pass:
    """This process's part of a pass over all documents."""

    def __init__(self, cfg, scorer: Scorer, tokens: np.ndarray, bytes_N: np.ndarray):
        self.cfg, self.scorer = cfg, scorer
        self.ledger = DocumentLedger(tokens, bytes_N)
        self.tokens = on_device(tokens.astype(np.int64))
        self.begin_D, self.targets_D = documents(tokens, cfg.bos_token)
        self.queue = queue(self.targets_D, cfg.batch_documents)
        self.generators = [torch.Generator(device()).manual_seed(lane) for lane in range(cfg.lanes)]
        self.kept: dict[int, Factors] = {}  # by lane

    def read(self, first: int, stop: int) -> None:
        """Score batches first .. stop - 1 of the queue and let their adapters learn."""
        cfg = self.cfg
        mine = range(*share_of(cfg.lanes))
        sizes_Q = [self.targets_D[batch] for batch in self.queue]
        lanes = deal([cost(sizes_B, cfg.step_tokens, cfg.window) for sizes_B in sizes_Q[first:stop]], cfg.lanes)
        done_Q = np.cumsum([sizes_B.sum() for sizes_B in sizes_Q])
        with attached(self.scorer.model, self.scorer.adapters):
            for number, lane in enumerate(lanes, first):
                if lane in mine:
                    self.read_batch(self.queue[number], lane)
                    event("progress", stage="evaluate", done=int(done_Q[number]), total=int(done_Q[-1]))

    def read_batch(self, batch: np.ndarray, lane: int) -> None:
        cfg, adapters = self.cfg, self.scorer.adapters
        size = cfg.step_tokens
        warm = cfg.warm_start and len(batch) == cfg.batch_documents
        adapters.begin(len(batch), self.generators[lane], self.kept.get(lane) if warm else None)
        optimizer = torch.optim.AdamW(
            adapters.factors, cfg.lr, tuple(cfg.betas), cfg.eps, cfg.weight_decay, fused=self.tokens.is_cuda
        )
        begin_B, targets_B = self.begin_D[batch], self.targets_D[batch]
        for first in range(0, targets_B.max(), size):
            stop_B = np.minimum(first + size, targets_B)
            count_B = np.maximum(stop_B - first, 0)
            nats_BK, column_B = self.chunk_nats(begin_B, stop_B, count_B, min(first + size, cfg.window))
            row_L = np.repeat(np.arange(len(batch)), count_B)
            nth_L = np.arange(len(row_L)) - (np.cumsum(count_B) - count_B)[row_L]
            nats_L = nats_BK.flatten()[on_device(row_L * size + column_B[row_L] + nth_L)]
            final_L = self.ledger.commit(begin_B[row_L] + first + nth_L, nats_L)
            goes_on_B = targets_B > first + size
            if goes_on_B.any():
                (final_L @ on_device((goes_on_B[row_L] / size).astype(np.float32))).backward()
                optimizer.step()
                optimizer.zero_grad()
        if warm:
            self.kept[lane] = adapters.to_keep()

    def chunk_nats(self, begin_B, stop_B, count_B, width: int) -> tuple[torch.Tensor, np.ndarray]:
        """Nats (B, K) of the last K of `width` columns, and in which of these a row's first target is.

        A row's window ends with target stop_B - 1 of its document and begins in the first column. The rest, and a row that
        has nothing to score, is filled with token 0.
        """
        last = self.cfg.step_tokens
        start_B = np.maximum(stop_B - self.cfg.window, 0)
        filled_B = np.where(count_B, stop_B - start_B, 0)
        from_B1, filled_B1 = on_device(np.stack([begin_B + start_B, filled_B]))[:, :, None]
        column_T = torch.arange(width, device=device())
        place_BT = (from_B1 + column_T).clamp(max=len(self.tokens) - 2)
        ids_BT, targets_BT = (self.tokens[place_BT + ahead].where(column_T < filled_B1, 0) for ahead in (0, 1))
        return self.scorer.nats(ids_BT, targets_BT[:, -last:].contiguous()), filled_B - count_B - (width - last)


def score(cfg, scorer: Scorer, tokens: np.ndarray, bytes_N: np.ndarray) -> Ledger:
    work = Pass(cfg, scorer, tokens, bytes_N)
    work.read(0, len(work.queue))
    return work.ledger.whole()
