"""Scoring a stream of tokens through windows, each of which scores its last positions.

A plan is an array of rows (begin, first, stop): the window reads from `begin` on and scores targets first .. stop - 1.
Target t is the token after position t. Rows follow one another without gap or overlap, so every target is scored once.
"""

# W windows, B of them in a batch, T positions, K scored positions
from collections.abc import Iterator

import numpy as np
import torch

from pgolf.core.events import event
from pgolf.core.ranks import device, share_of
from pgolf.evals.ledger import Ledger

READ_BACK_BATCHES = 32  # losses stay on the GPU so long, so that it does not wait for the CPU


def batches(plan_W3: np.ndarray, length: int, size: int) -> Iterator[np.ndarray]:
    """Runs of at most `size` windows that score equally many positions when padded."""
    scored_W = length - (plan_W3[:, 1] - plan_W3[:, 0])
    at = 0
    while at < len(plan_W3):
        same = np.flatnonzero(scored_W[at : at + size] != scored_W[at])
        stop = at + int(same[0]) if len(same) else min(at + size, len(plan_W3))
        yield plan_W3[at:stop]
        at = stop


@torch.no_grad()
def score(forward, tokens_N: np.ndarray, bytes_N: np.ndarray, plan_W3: np.ndarray, length: int, size: int) -> Ledger:
    """The ledger of this rank's share of the plan. `forward(ids_BT, targets_BK)` gives nats (B, K) of the last K."""
    first, last = share_of(len(plan_W3))
    mine = plan_W3[first:last]
    ledger = Ledger(*((int(mine[0, 1]), int(mine[-1, 2])) if len(mine) else (0, 0)), bytes_N)
    ids_all = torch.from_numpy(tokens_N.astype(np.int64)).to(device())
    begin_W = torch.from_numpy(mine[:, 0]).to(device())
    offset_T = torch.arange(length, device=device())
    limit = len(tokens_N) - 1
    waiting: list[torch.Tensor] = []
    at = 0
    for batch_B3 in batches(mine, length, size):
        position_BT = begin_W[at : at + len(batch_B3), None] + offset_T
        at += len(batch_B3)
        start, stop = int(batch_B3[0, 1]), int(batch_B3[-1, 2])
        scored = length - (start - int(batch_B3[0, 0]))
        targets_BK = ids_all[(position_BT + 1).clamp(max=limit)][:, -scored:]
        nats_BK = forward(ids_all[position_BT.clamp(max=limit)], targets_BK)
        # What is beyond the end of the stream is padding, and stands last.
        waiting.append(nats_BK.flatten()[: stop - start])
        if len(waiting) == READ_BACK_BATCHES or at == len(mine):
            ledger.commit(stop - sum(map(len, waiting)), torch.cat(waiting).cpu().numpy())
            waiting.clear()
            event("progress", stage="evaluate", done=ledger.next - ledger.start, total=ledger.stop - ledger.start)
    return ledger
