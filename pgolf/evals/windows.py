"""Scoring a stream of tokens through windows, each of which scores its last positions.

A plan is an array of rows (begin, first, stop): the window reads from `begin` on and scores targets first .. stop - 1.
Target t is the token after position t. Rows follow one another without gap or overlap, so every target is scored once.
"""

# W windows, B of them in a batch, T positions, K scored positions
from collections.abc import Iterator

import numpy as np
import torch

from pgolf.core.events import event
from pgolf.core.load import load
from pgolf.core.ranks import compiled, device, share_of
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


def prepare(cfg, model):
    """`model`, compiled for the batches of a recipe's method on random tokens: no validation data, no change to the model."""
    fast = compiled(model)

    def forward(ids_BT, targets_BK):
        """A batch short of full runs as it is: a graph for one use costs more than it saves."""
        return (fast if len(ids_BT) == cfg.batch_windows else model)(ids_BT, targets_BK)

    if fast is not model:
        begin, first, _ = load("evals", cfg).plan(cfg, 3 * cfg.window)[-1]
        ids = torch.randint(0, 256, (cfg.batch_windows, cfg.window), device=device())
        with torch.no_grad():
            forward(ids, ids[:, begin - first :])
    return forward


def score(cfg, forward, tokens_N: np.ndarray, bytes_N: np.ndarray) -> Ledger:
    """Every target of the stream tokens_N (N,), worth bytes_N (N - 1,), once, by the plan of the recipe's method."""
    plan_W3 = load("evals", cfg).plan(cfg, len(tokens_N) - 1)
    return score_plan(forward, tokens_N, bytes_N, plan_W3, cfg.window, cfg.batch_windows)


def score_plan(
    forward, tokens_N: np.ndarray, bytes_N: np.ndarray, plan_W3: np.ndarray, length: int, size: int
) -> Ledger:
    """The ledger of this rank's share of the plan."""
    first, last = share_of(len(plan_W3))
    mine = plan_W3[first:last]
    if not len(mine):
        return Ledger(0, 0, bytes_N)
    ledger = Ledger(int(mine[0, 1]), int(mine[-1, 2]), bytes_N)
    commit(ledger, forward, tokens_N, mine, length, size)
    return ledger


@torch.no_grad()
def commit(ledger: Ledger, forward, tokens_N: np.ndarray, mine: np.ndarray, length: int, size: int) -> None:
    """Score the windows `mine` (W, 3) into the ledger. `forward(ids_BT, targets_BK)` gives nats (B, K) of the last K.

    No token after the last of their targets is touched. Tokens may be rows of several numbers.
    """
    origin = mine[0, 0]
    ids_all = torch.from_numpy(tokens_N[origin : mine[-1, 2] + 1].astype(np.int64)).to(device())
    begin_W = torch.from_numpy(mine[:, 0] - origin).to(device())
    offset_T = torch.arange(length, device=device())
    limit = len(ids_all) - 1
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
