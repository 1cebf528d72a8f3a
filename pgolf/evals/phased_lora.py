"""Test-time training of adapters with pauses in which the model itself learns from documents that are scored already.

    P = prefix_documents, n = phases:  pause i comes after P i / n documents and the lanes - 1 batches then begun. In it the
    P i / n shortest of the documents scored so far, short to long, are one stream, and all weights take SGD steps on it,
    chunk by chunk of `chunk_tokens` but the last: one piece for each lane, segments of at most `window` from BOS on,
    gradients clipped, learning rate lr (1 + cos(pi c / (K - 1))) / 2 in chunk c of K, no momentum left from pause to pause.
    Then all adapters begin anew.

In published programs workers race, so clocks decide how much is scored at a pause. Here it is fixed, at what it was in all
runs of PR 1855 (lanes 8). A document brings with it what begins it and what begins the next one.

Why     adapters forget; what is common to all documents goes into the weights
From    parameter-golf PR 1610 (one pause), PR 1626 (three)
Sees    as document_lora, and through the weights documents that were scored before
"""

# D documents, N tokens, Q batches
import math
import time
from collections.abc import Iterator

import numpy as np
import torch

from pgolf.core.events import event
from pgolf.core.ranks import all_sum, share_of
from pgolf.data.documents import segments
from pgolf.evals import document_lora
from pgolf.evals.document_ledger import on_device
from pgolf.evals.ledger import Ledger
from pgolf.evals.scored import Scored

prepare = document_lora.prepare


def label(cfg) -> str:
    return "quantized_ttt_phased"


def pauses(cfg, documents_Q: list[int]) -> Iterator[tuple[int, int]]:
    """After how many batches, and from how many documents the model learns then. None when nothing is left to score."""
    done_Q = np.cumsum(documents_Q)
    prefix = min(cfg.prefix_documents, int(done_Q[-1]))
    stop = 0
    for phase in range(1, cfg.phases + 1):
        documents = prefix * phase // cfg.phases
        stop = max(int(np.searchsorted(done_Q, documents)), stop) + cfg.lanes
        if documents and stop < len(done_Q):
            yield stop, documents


def learn(cfg, model, scored: list[Scored]) -> int:
    """SGD on these documents; the number of steps. All ranks take part in the sums, each with the pieces of its lanes."""
    how = cfg.global_sgd
    tokens_N = torch.cat([part for document in scored for part in (document.ids_N, document.targets_N[-1:])])
    on_host_N = tokens_N.cpu().numpy()
    piece = how.chunk_tokens // cfg.lanes
    steps = (len(tokens_N) - 2) // how.chunk_tokens
    parameters = list(model.train().requires_grad_().parameters())
    sgd = torch.optim.SGD(parameters, how.lr, how.momentum)
    for step in range(steps):
        sgd.param_groups[0]["lr"] = how.lr * (1 + math.cos(math.pi * step / steps)) / 2
        for _ in range(how.epochs):
            for parameter in parameters:
                parameter.grad = torch.zeros_like(parameter)
            for lane in range(*share_of(cfg.lanes)):
                start = step * how.chunk_tokens + lane * piece
                borders = segments(on_host_N[start : start + piece], cfg.bos_token, cfg.window)
                piece_1N = tokens_N[None, start : start + piece + 1]
                nats_1N = model(piece_1N[:, :-1], piece_1N[:, 1:], on_device(borders))
                (nats_1N.mean() / cfg.lanes).backward()
            for parameter in parameters:
                all_sum(parameter.grad)
            torch.nn.utils.clip_grad_norm_(parameters, how.clip_norm)
            sgd.step()
    model.eval().requires_grad_(False).zero_grad()
    return steps


def score(cfg, scorer: document_lora.Scorer, tokens: np.ndarray, bytes_N: np.ndarray) -> Ledger:
    work = document_lora.Pass(cfg, scorer, tokens, bytes_N)
    done = 0
    for phase, (stop, documents) in enumerate(pauses(cfg, [len(batch) for batch in work.queue]), 1):
        work.read(done, stop)
        work.ledger.meet()
        start = time.perf_counter()
        short_to_long_D = np.concatenate(work.queue[:stop][::-1])
        ranges = zip(work.begin_D[short_to_long_D], work.targets_D[short_to_long_D], strict=True)
        scored = [work.ledger.release(int(begin), int(begin + size)) for begin, size in [*ranges][:documents]]
        steps = learn(cfg, scorer.model, scored)
        work.kept.clear()
        event(
            "global_sgd",
            phase=phase,
            phases=cfg.phases,
            scored_documents=len(short_to_long_D),
            documents=documents,
            steps=steps,
            seconds=time.perf_counter() - start,
        )
        done = stop
    work.read(done, len(work.queue))
    return work.ledger.whole()
