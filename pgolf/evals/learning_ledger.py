"""The ledger of an evaluation that learns: tokens leave it for learning only after all ranks have committed their losses.

Ranks score chunk after chunk, each its share of every chunk. After `release(start, stop)` those targets are final on all
ranks: none can be committed again, so nothing is scored by weights that have seen it.
"""

# N targets of the stream, L losses committed at once
import numpy as np
import torch

from pgolf.core.errors import ScoreOrderError
from pgolf.core.ranks import all_sum, device, share_of
from pgolf.evals import scored
from pgolf.evals.ledger import Ledger


class LearningLedger(Ledger):
    def __init__(self, tokens: np.ndarray, bytes_N: np.ndarray):
        """For all targets of the stream `tokens` (N + 1,)."""
        super().__init__(0, len(tokens) - 1, bytes_N)
        self.tokens = tokens
        self.nats_N[:] = 0
        self.scored_N = np.zeros(self.stop, np.uint8)

    def skip_to(self, start: int) -> None:
        """This rank's next share begins at `start`; what lies before it is for the other ranks."""
        if start < self.next:
            raise ScoreOrderError(f"targets {start}.. scored, expected {self.next} or a later one.")
        self.next = start

    def commit(self, start: int, nats_L: np.ndarray) -> None:
        super().commit(start, nats_L)
        self.scored_N[start : self.next] = 1

    def unscored(self, start: int, stop: int) -> int:
        """How many of these targets have not been committed by just one rank. Called by all ranks."""
        return int((all_sum(torch.tensor(self.scored_N[start:stop])) != 1).sum())

    def release(self, start: int, stop: int) -> scored.Scored:
        """Targets [start, stop) to learn from, with the token before them. Called by all ranks, and so refused on all."""
        unscored = self.unscored(max(start - 1, 0), stop)
        self.next = max(self.next, stop)
        return scored.release(self.tokens, start, stop, unscored)

    def whole(self) -> Ledger:
        """An even share of the losses of all ranks, in the order of the stream. Called by all ranks, at the end."""
        if unscored := self.unscored(0, self.stop):
            raise ScoreOrderError(f"{unscored} of {self.stop} targets were never scored.")
        start, stop = share_of(self.stop)
        nats_N = all_sum(torch.from_numpy(self.nats_N).to(device())).cpu().numpy()  # zero but on one rank
        ledger = Ledger(start, stop, self.bytes_N)
        ledger.commit(start, nats_N[start:stop])
        return ledger
