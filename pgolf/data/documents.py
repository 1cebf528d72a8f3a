"""The loader of PR 1530: shards front to back in flat buffers, with a list of where each document begins in its buffer.

A step reads R spans of N + 1 tokens, one for each logical rank, from the shard's cursor, which starts at its first BOS. What is
left at the end of a shard and is too short for a step is dropped. No shuffling: every seed sees the same data in the same order.

    buffer  [a b BOS c d e f g BOS h], documents of at most 4 tokens  ->  segments 0 2 6 8 10, then 10 up to 64 numbers

Why     attention never crosses documents, and no token is padding
From    parameter-golf PR 1530, PR 1855
"""

# N tokens of a buffer, S + 1 borders of segments, padded
from itertools import pairwise
from pathlib import Path

import numpy as np

from pgolf.core.errors import DataError
from pgolf.data.shards import open_shard


def segments(ids_N: np.ndarray, bos: int, max_tokens: int, entries: int = 0) -> np.ndarray:
    """Borders of segments, int32: 0, every BOS, every `max_tokens` tokens since the last of these; then N, repeated.

    The repetition (segments of no tokens) fills up to a multiple of 64 numbers, at least `entries`: few shapes to compile.
    """
    size = len(ids_N)
    starts = [*np.flatnonzero(np.append(True, ids_N[1:] == bos)), size]
    borders = [np.arange(start, stop, max_tokens) for start, stop in pairwise(starts)]
    filled = max(entries, sum(map(len, borders)) // 64 * 64 + 64)
    return np.concatenate([*borders, np.full(filled - sum(map(len, borders)), size)]).astype(np.int32)


class Loader:
    def __init__(self, paths: list[Path], sequence_tokens: int, logical_ranks: int, bos_token: int):
        self.shards = [open_shard(path) for path in paths]
        self.max_tokens, self.bos_token = sequence_tokens, bos_token
        self.logical_ranks = logical_ranks
        self.calls = [0] * logical_ranks
        self.steps: list[tuple[int, int]] = []  # shard and cursor of every step so far
        self.place = 0, self.first(0)

    def first(self, shard: int) -> int:
        """Where the first document begins; the end of a shard that has none."""
        tokens_N = self.shards[shard]
        for start in range(0, len(tokens_N), 65536):  # a shard is 200 MB: do not read all of it
            found = np.flatnonzero(tokens_N[start : start + 65536] == self.bos_token)
            if len(found):
                return start + int(found[0])
        return len(tokens_N)

    def start_of(self, step: int, tokens: int) -> tuple[int, int]:
        """The shard and the cursor of a step that reads `tokens` tokens."""
        while len(self.steps) <= step:
            shard, cursor = self.place
            for _ in range(len(self.shards) + 1):
                if cursor + tokens <= len(self.shards[shard]):
                    break
                shard = (shard + 1) % len(self.shards)
                cursor = self.first(shard)
            else:
                raise DataError(f"no training shard holds the {tokens} tokens of a step. Use longer shards.")
            self.steps.append((shard, cursor))
            self.place = shard, cursor + tokens
        return self.steps[step]

    def next_batch(self, logical_rank: int, sequences: int) -> tuple[np.ndarray, np.ndarray]:
        """The next tokens (1, N + 1) int64 of a logical rank, and the segments of its inputs [:, :-1]."""
        span = sequences * self.max_tokens + 1
        step = self.calls[logical_rank]
        self.calls[logical_rank] += 1
        shard, cursor = self.start_of(step, span * self.logical_ranks)
        cursor += logical_rank * span
        tokens_1N = self.shards[shard][None, cursor : cursor + span].astype(np.int64)
        # The first steps go through all likely shapes, so that the trainer's warm-up compiles them. No number changes.
        entries = 64 * (2 + step % 3) if step < 64 else 128
        return tokens_1N, segments(tokens_1N[0, :-1], self.bos_token, self.max_tokens, entries)


def build(paths: list[Path], sequence_tokens: int, logical_ranks: int, cfg) -> Loader:
    return Loader(paths, sequence_tokens, logical_ranks, cfg.bos_token)
