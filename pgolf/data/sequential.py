"""The baseline's loader: all shards as one endless stream, cut into spans of B * T + 1 tokens.

Step s gives its R logical ranks the spans s*R, s*R + 1, ..., s*R + R - 1. Inputs are the first B * T tokens of a span and
targets its last B * T, so the one token at each border is a target but never an input.
"""

# B sequences, T positions
from pathlib import Path

import numpy as np

from pgolf.data.shards import open_shard


class Loader:
    def __init__(self, paths: list[Path], sequence_tokens: int, logical_ranks: int):
        self.shards = [open_shard(path) for path in paths]
        self.ends = np.cumsum([len(shard) for shard in self.shards])
        self.length = sequence_tokens
        self.logical_ranks = logical_ranks
        self.calls = [0] * logical_ranks

    def read(self, position: int, count: int) -> np.ndarray:
        """`count` tokens of the stream from `position`, wrapping from the last shard to the first."""
        parts = []
        while count:
            position %= int(self.ends[-1])
            i = int(np.searchsorted(self.ends, position, "right"))
            within = position - (int(self.ends[i]) - len(self.shards[i]))
            parts.append(self.shards[i][within : within + count])
            position += len(parts[-1])
            count -= len(parts[-1])
        return np.concatenate(parts)

    def next_batch(self, logical_rank: int, sequences: int) -> tuple[np.ndarray]:
        """The next (B, T + 1) int64 tokens of a logical rank: inputs are [:, :-1], targets [:, 1:]."""
        span = sequences * self.length + 1
        index = self.calls[logical_rank] * self.logical_ranks + logical_rank
        self.calls[logical_rank] += 1
        tokens = self.read(index * span, span).astype(np.int64)
        rows = np.arange(sequences)[:, None] * self.length + np.arange(self.length + 1)
        return (tokens[rows],)


def build(paths: list[Path], sequence_tokens: int, logical_ranks: int, cfg) -> Loader:
    return Loader(paths, sequence_tokens, logical_ranks)
