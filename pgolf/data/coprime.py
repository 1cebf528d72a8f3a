"""The loader of PR 1218: every batch mixes blocks from many shards, and every shard is walked in a stride that misses nothing.

    block of a walk's k-th sequence = (start + k * stride) mod blocks,   stride coprime with blocks,   T tokens a block

All logical ranks share one generator, seeded with the names of the files, so the run's seed changes nothing in the order of data.
A batch of all ranks comes from `mix` shards, 8 at first and 64 after 1800 batches; shards with much left are drawn more often, and
less so later. Each gives one sequence, the rest are drawn. Rank r gets sequences r, r + R, r + 2R, ...

Why     no two sequences of a batch from one document, no token twice before all of its shard were seen
From    parameter-golf PR 1218 (order of its runs: 8 GPUs, and the folder as the script was told it)
"""

# B sequences, T positions, R logical ranks, M shards of a batch
import math
from pathlib import Path

import numpy as np

from pgolf.core.errors import DataError
from pgolf.data.shards import open_shard

GROWING_BATCHES = 1800


def seed_of(paths: list[str]) -> int:
    """64 bits of the names: ["a"] gives 106652627936467."""
    seed = 0
    for byte in "".join(paths).encode():
        seed = (seed ^ byte) * 1099511628211 % 2**64
    return seed


class Walk:
    """The order of a shard's blocks: all of them once, then again from another phase, start and stride."""

    def __init__(self, tokens: int, length: int):
        self.tokens, self.length = tokens, length
        self.blocks = (tokens - 1) // length
        self.taken = self.stride = 0

    def left(self) -> int:
        return max(self.blocks - self.taken, 1)

    def begin(self, random: np.random.Generator) -> None:
        phase_max = min(self.length - 1, self.tokens - self.length - 1)
        self.phase = int(random.integers(phase_max + 1)) if phase_max else 0
        self.blocks = (self.tokens - 1 - self.phase) // self.length
        self.start = int(random.integers(self.blocks)) if self.blocks > 1 else 0
        self.stride = int(random.integers(1, self.blocks)) if self.blocks > 1 else 1
        while math.gcd(self.stride, self.blocks) > 1:
            self.stride = int(random.integers(1, self.blocks))
        self.taken = 0

    def take(self, random: np.random.Generator) -> int:
        """Where the next sequence begins in the shard."""
        if not self.stride or self.taken >= self.blocks:
            self.begin(random)
        block = (self.start + self.taken * self.stride) % self.blocks
        self.taken += 1
        return self.phase + block * self.length


class Loader:
    def __init__(self, paths: list[Path], sequence_tokens: int, logical_ranks: int, directory: str):
        shards = [open_shard(path) for path in paths]
        self.shards = [shard for shard in shards if len(shard) > sequence_tokens]
        if not self.shards:
            raise DataError(f"no training shard has {sequence_tokens + 1} tokens. Use longer shards.")
        self.walks = [Walk(len(shard), sequence_tokens) for shard in self.shards]
        self.random = np.random.Generator(np.random.PCG64(seed_of([f"{directory}/{path.name}" for path in paths])))
        self.length = sequence_tokens
        self.logical_ranks = logical_ranks
        self.calls = [0] * logical_ranks
        self.batches = 0
        self.batch: list[tuple[int, int]] = []

    def draw(self, sequences: int) -> list[tuple[int, int]]:
        """(shard, first token) of the next batch of all logical ranks together, `sequences` in all."""
        random, ranks = self.random, self.logical_ranks
        grown = min(self.batches / GROWING_BATCHES, 1)
        weight = np.array([walk.left() for walk in self.walks], float) ** (0.9 - 0.4 * grown)
        weight /= weight.sum()
        most = min(len(weight), sequences)
        low, high = min(max(8, ranks), most), min(max(32, 8 * ranks), most)
        mix = max(1, min(round(low + grown * (high - low)), most))
        chosen_M = random.choice(len(weight), mix, False, weight)
        counts_M = np.ones(mix, int)
        if sequences > mix:
            counts_M += random.multinomial(sequences - mix, weight[chosen_M] / weight[chosen_M].sum())
        piles = []
        for m in random.permutation(mix):
            shard = int(chosen_M[m])
            pile = [(shard, self.walks[shard].take(random)) for _ in range(counts_M[m])]
            piles.append([pile[i] for i in random.permutation(len(pile))])
        batch = []
        while piles:
            piles = [piles[i] for i in random.permutation(len(piles))]
            batch += [pile.pop() for pile in piles]
            piles = [pile for pile in piles if pile]
        return batch

    def next_batch(self, logical_rank: int, sequences: int) -> tuple[np.ndarray]:
        """The next (B, T + 1) int64 tokens of a logical rank: inputs are [:, :-1], targets [:, 1:]."""
        if self.calls[logical_rank] == self.batches:
            self.batch = self.draw(sequences * self.logical_ranks)
            self.batches += 1
        self.calls[logical_rank] += 1
        assert self.calls[logical_rank] == self.batches, "a logical rank lags behind the others: its batch is gone"
        mine = self.batch[logical_rank :: self.logical_ranks]
        return (np.stack([self.shards[i][at : at + self.length + 1] for i, at in mine]).astype(np.int64),)


def build(paths: list[Path], sequence_tokens: int, logical_ranks: int, cfg) -> Loader:
    return Loader(paths, sequence_tokens, logical_ranks, cfg.directory)
