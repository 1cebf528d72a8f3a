"""The ledger of an evaluation that scores documents in any order: every target once over all ranks, none ever twice.

A rank knows what it has committed itself and, since they last met, what the others have. Losses to learn from are what
`commit` gives back; tokens to learn from are released only when each of their targets is committed.
"""

# N targets of the stream, L losses committed at once
import numpy as np
import torch

from pgolf.core.errors import ScoreOrderError
from pgolf.core.ranks import all_sum, device, share_of
from pgolf.evals import scored
from pgolf.evals.ledger import Ledger


def on_device(array: np.ndarray) -> torch.Tensor:
    """Does not wait for the GPU."""
    return torch.from_numpy(array).to(device(), non_blocking=True)


class DocumentLedger:
    def __init__(self, tokens: np.ndarray, bytes_N: np.ndarray):
        """For all targets of the stream `tokens` (N + 1,), each worth bytes_N."""
        self.tokens, self.bytes_N = tokens, bytes_N
        size = len(tokens) - 1
        self.nats_N = torch.zeros(size, device=device())
        self.own_N = np.zeros(size, bool)
        self.scored_N = np.zeros(size, bool)  # by any rank, as far as known here

    def commit(self, target_L: np.ndarray, nats_L: torch.Tensor) -> torch.Tensor:
        """The losses of these targets are final. Gives them back, to be learned from."""
        found = np.unique(target_L)
        if len(found) < len(target_L) or found[0] < 0 or found[-1] >= len(self.own_N) or self.scored_N[found].any():
            raise ScoreOrderError(
                f"a target of {found[0]}..{found[-1]} was about to be scored twice, or is none of 0..{len(self.own_N) - 1}."
            )
        self.own_N[found] = self.scored_N[found] = True
        self.nats_N.index_copy_(0, on_device(target_L), nats_L.detach())
        return nats_L

    def meet(self) -> None:
        """Learn what the other ranks have committed. Called by all ranks, and so refused on all."""
        times_N = all_sum(torch.from_numpy(self.own_N.astype(np.uint8))).numpy()
        if (times_N > 1).any():
            raise ScoreOrderError(f"target {times_N.argmax()} was scored by {times_N.max()} ranks.")
        self.scored_N = times_N > 0

    def release(self, start: int, stop: int) -> scored.Scored:
        """Targets [start, stop) to learn from, with the token before them, which begins a document."""
        return scored.release(self.tokens, start, stop, int((~self.scored_N[start:stop]).sum()))

    def whole(self) -> Ledger:
        """An even share of the losses of all ranks, in the order of the stream. Called by all ranks, at the end."""
        self.meet()
        if missing := int((~self.scored_N).sum()):
            raise ScoreOrderError(f"{missing} of {len(self.scored_N)} targets were never scored.")
        start, stop = share_of(len(self.scored_N))
        ledger = Ledger(start, stop, self.bytes_N)
        ledger.commit(start, all_sum(self.nats_N)[start:stop].cpu().numpy())  # zero but on one rank
        return ledger
