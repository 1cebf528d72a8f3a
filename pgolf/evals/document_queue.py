"""Documents of a stream in batches of like length, longest first, and who reads which.

`lanes` workers take batches as if each took the next one when it is free, by the positions a batch runs the model on. So
which lane reads a batch depends neither on clocks nor on the number of processes, which share the lanes.
From    parameter-golf PR 1530, where processes race for the next batch and no two runs are the same
"""

# D documents, B of them in a batch, Q batches
import numpy as np


def documents(tokens: np.ndarray, bos: int) -> tuple[np.ndarray, np.ndarray]:
    """First token and number of targets of each document. Its last target is what begins the next one."""
    begin_D = np.flatnonzero(np.append(True, tokens[1:-1] == bos))
    return begin_D, np.diff(np.append(begin_D, len(tokens) - 1))


def queue(targets_D: np.ndarray, size: int) -> list[np.ndarray]:
    """The documents of each batch, from short to long; the batch that is not full holds the longest and comes first."""
    order_D = np.argsort(targets_D, kind="stable")
    return [order_D[i : i + size] for i in range(0, len(order_D), size)][::-1]


def cost(targets_B: np.ndarray, step_tokens: int, window: int) -> int:
    """Positions that a batch runs the model on: all rows as long as the longest, up to the end of each chunk in turn."""
    ends = np.arange(step_tokens, targets_B.max() + step_tokens, step_tokens)
    return len(targets_B) * int(np.minimum(ends, window).sum())


def deal(costs_Q: list[int], lanes: int) -> list[int]:
    """The lane of each batch: the next batch goes to the lane that is free first."""
    busy = [0] * lanes
    dealt = []
    for cost_of_batch in costs_Q:
        dealt.append(busy.index(min(busy)))
        busy[dealt[-1]] += cost_of_batch
    return dealt
