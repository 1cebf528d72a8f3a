"""The shuffled-window loader of PR 1394: every logical rank draws whole windows from its own shards without replacement.

Logical rank r owns shards r, r + R, r + 2R, ... and a PCG64 generator seeded with r alone, so data order is the same for
every run seed and for every number of GPUs. Per shard: a phase in [0, T), then the windows phase + T * permutation; per
window: a shard with probability proportional to the windows it has left, and its last one. When all are used up, all are
drawn anew.
"""

# B sequences, T positions
from pathlib import Path

import numpy as np

from pgolf.core.errors import DataError
from pgolf.data.shards import open_shard


class Windows:
    """One logical rank's windows of T + 1 tokens."""

    def __init__(self, paths: list[Path], sequence_tokens: int, logical_rank: int):
        self.shards = [open_shard(path) for path in paths]
        self.length = sequence_tokens
        self.random = np.random.Generator(np.random.PCG64(logical_rank))
        self.starts: list[list[int]] = [[] for _ in paths]
        self.refill()
        if not any(self.starts):
            raise DataError(
                f"a logical rank has no window of {sequence_tokens + 1} tokens in its shards. Use longer shards."
            )

    def refill(self) -> None:
        for i, shard in enumerate(self.shards):
            phase_max = min(self.length - 1, max(0, len(shard) - self.length - 1))
            phase = int(self.random.integers(phase_max + 1)) if phase_max else 0
            count = (len(shard) - 1 - phase) // self.length
            self.starts[i] = (phase + self.random.permutation(max(count, 0)) * self.length).tolist()

    def draw(self) -> np.ndarray:
        """One window (T + 1,) uint16."""
        left = np.array([len(starts) for starts in self.starts])
        if not left.any():
            self.refill()
            left = np.array([len(starts) for starts in self.starts])
        i = int(self.random.choice(len(left), p=left / left.sum()))
        start = self.starts[i].pop()
        return self.shards[i][start : start + self.length + 1]


class Loader:
    def __init__(self, paths: list[Path], sequence_tokens: int, logical_ranks: int):
        if len(paths) < logical_ranks:
            raise DataError(f"found {len(paths)} training shards, need {logical_ranks}: one for each logical rank.")
        self.windows: dict[int, Windows] = {}
        self.make = lambda rank: Windows(paths[rank::logical_ranks], sequence_tokens, rank)

    def next_batch(self, logical_rank: int, sequences: int) -> tuple[np.ndarray]:
        """The next (B, T + 1) int64 tokens of a logical rank: inputs are [:, :-1], targets [:, 1:]."""
        if logical_rank not in self.windows:
            self.windows[logical_rank] = self.make(logical_rank)
        return (np.stack([self.windows[logical_rank].draw() for _ in range(sequences)]).astype(np.int64),)


def build(paths: list[Path], sequence_tokens: int, logical_ranks: int, cfg) -> Loader:
    return Loader(paths, sequence_tokens, logical_ranks)
