"""Every target's loss, committed once, in order: the only place a score can come from.

Committing a token twice, out of order or not at all raises ScoreOrderError. What may learn from a token must ask for it
here, and gets it only after its loss is committed.
"""

# N targets of this rank, L losses committed at once
import math

import numpy as np
import torch

from pgolf.core.errors import ScoreOrderError
from pgolf.core.ranks import all_sum


class Ledger:
    def __init__(self, start: int, stop: int, bytes_N: np.ndarray):
        """For targets [start, stop) of the stream; bytes_N (all targets,) int16 are the bytes each stands for."""
        self.start, self.next, self.stop = start, start, stop
        self.bytes_N = bytes_N
        self.nats_N = np.empty(stop - start, np.float32)

    def commit(self, start: int, nats_L: np.ndarray) -> None:
        stop = start + len(nats_L)
        if start != self.next or stop > self.stop:
            raise ScoreOrderError(f"targets {start}..{stop} scored, expected {self.next} to come next of {self.stop}.")
        self.nats_N[start - self.start : stop - self.start] = nats_L
        self.next = stop

    def totals(self) -> dict:
        """Nats, tokens and bytes of all ranks, and what follows from them."""
        if self.next != self.stop:
            raise ScoreOrderError(f"targets {self.next}..{self.stop} were never scored.")
        nats = self.nats_N.sum(dtype=np.float64)
        own_bytes = self.bytes_N[self.start : self.stop].sum(dtype=np.int64)
        nats, tokens, count = all_sum(torch.tensor([nats, len(self.nats_N), own_bytes], dtype=torch.float64)).tolist()
        bpb = nats / math.log(2) / count if count else math.inf
        return {"val_loss": nats / tokens, "val_bpb": bpb, "nats": nats, "tokens": int(tokens), "bytes": int(count)}
