"""Do validation documents stand in the training shards?

A stream is split at bos; each document is one number, hash(t) = sum_i R[t_i] * G^i mod 2^64, i counted from its bos.
Sums of whole blocks are turned into sums of documents by dividing by G^start, so no loop ever sees a token, and a
document that runs over a block or shard border is the sum of its two parts. A second number stands for its first
HEAD_TOKENS tokens: it finds copies that were cut short, or cut by the end of what is here.

Why     issue 2127: a preparation script left 40,000 of the 50,000 validation documents in training (80 %)
"""

# N tokens, D documents, H head tokens
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HEAD_TOKENS = 64
BLOCK_TOKENS = 1 << 17  # 1 MiB of uint64: stays in the cache
MODULUS = 1 << 64
GENERATOR = 0x9E3779B97F4A7C15  # odd, so it has an inverse


def _powers(base: int) -> np.ndarray:
    """base^i mod 2^64 (BLOCK_TOKENS,) uint64."""
    factors = np.full(BLOCK_TOKENS, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


_R = np.random.default_rng(20240520).integers(0, MODULUS, 1 << 16, np.uint64)
_POWERS = _powers(GENERATOR)
_INVERSES = _powers(pow(GENERATOR, -1, MODULUS))


@dataclass
class DocumentStream:
    """Feed the shards of a split in order; call `end` after the last. Tokens before the first bos belong to none."""

    bos_id: int
    is_open: bool = False
    _hash: int = 0
    _length: int = 0

    def feed(self, tokens_N: np.ndarray) -> np.ndarray:
        """Hashes (D,) uint64 of the documents that end in tokens_N (N,) uint16."""
        ended = [np.zeros(0, np.uint64)]
        for start in range(0, len(tokens_N), BLOCK_TOKENS):
            ended.append(self._block(tokens_N[start : start + BLOCK_TOKENS]))
        return np.concatenate(ended)

    def end(self) -> np.ndarray:
        """The hash (1,) of the document still open, (0,) when there is none."""
        last = [self._hash] if self.is_open else []
        self.is_open = False
        return np.array(last, np.uint64)

    def _block(self, tokens_N: np.ndarray) -> np.ndarray:
        starts_D = np.flatnonzero(tokens_N == self.bos_id)
        first = int(starts_D[0]) if len(starts_D) else len(tokens_N)
        terms_N = _R[tokens_N]
        terms_N *= _POWERS[: len(tokens_N)]
        if first and self.is_open:
            part = int(terms_N[:first].sum())
            self._hash = (self._hash + pow(GENERATOR, self._length, MODULUS) * part) % MODULUS
            self._length += first
        if not len(starts_D):
            return np.zeros(0, np.uint64)
        hashes_D = np.add.reduceat(terms_N, starts_D) * _INVERSES[starts_D]
        ended = np.concatenate([self.end(), hashes_D[:-1]])
        self.is_open, self._hash, self._length = True, int(hashes_D[-1]), len(tokens_N) - int(starts_D[-1])
        return ended


def head_hashes(tokens_N: np.ndarray, bos_id: int) -> np.ndarray:
    """Hashes (D,) uint64 of the first HEAD_TOKENS tokens of the documents that begin in tokens_N and have as many."""
    starts_D = np.flatnonzero(tokens_N == bos_id)
    lengths_D = np.diff(starts_D, append=len(tokens_N))
    long_D = starts_D[lengths_D >= HEAD_TOKENS]
    hashes_D = np.zeros(len(long_D), np.uint64)
    for i in range(HEAD_TOKENS):
        hashes_D += _R[tokens_N[long_D + i]] * _POWERS[i]
    return hashes_D


@dataclass
class Overlap:
    """Which validation documents turn up in training: whole, and by their first tokens.

    Validation shards first, then `freeze`, then training shards in order, then `end`.
    """

    bos_id: int
    whole_shards: dict[str, int] = field(default_factory=dict)  # file name -> validation documents found in it
    head_shards: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stream = DocumentStream(self.bos_id)
        self._hashes = [np.zeros(0, np.uint64)]
        self._heads = [np.zeros(0, np.uint64)]
        self._no_heads = np.zeros(0, np.uint64)
        self._begun_in = ""

    def add_validation(self, tokens_N: np.ndarray) -> None:
        self._hashes.append(self._stream.feed(tokens_N))
        self._heads.append(head_hashes(tokens_N, self.bos_id))

    def freeze(self) -> None:
        self.whole_D = np.concatenate([*self._hashes, self._stream.end()])
        self.head_D = np.concatenate(self._heads)
        self._whole_found_D = np.zeros(len(self.whole_D), bool)
        self._head_found_D = np.zeros(len(self.head_D), bool)

    def add_training(self, path: Path, tokens_N: np.ndarray) -> int:
        """Returns the number of documents that end in this shard. A copy counts for the shard in which it begins."""
        carried = int(self._stream.is_open)
        hashes_D = self._stream.feed(tokens_N)
        self._mark(self._begun_in, hashes_D[:carried], self._no_heads)
        self._mark(path.name, hashes_D[carried:], head_hashes(tokens_N, self.bos_id))
        if len(hashes_D) or not carried:
            self._begun_in = path.name
        return len(hashes_D)

    def end(self) -> int:
        """The last training document, which no bos ends. Returns 1, or 0 when there is none."""
        hashes_D = self._stream.end()
        self._mark(self._begun_in, hashes_D, self._no_heads)
        return len(hashes_D)

    @property
    def validation_documents(self) -> int:
        return len(self.whole_D)

    @property
    def whole(self) -> int:
        """Validation documents that stand in training to the last token."""
        return int(self._whole_found_D.sum())

    @property
    def heads(self) -> int:
        """Validation documents whose first HEAD_TOKENS tokens begin a training document."""
        return int(self._head_found_D.sum())

    def _mark(self, name: str, hashes_D: np.ndarray, heads_D: np.ndarray) -> None:
        whole = np.isin(self.whole_D, hashes_D)
        head = np.isin(self.head_D, heads_D)
        self._whole_found_D |= whole
        self._head_found_D |= head
        if whole.any():
            self.whole_shards[name] = self.whole_shards.get(name, 0) + int(whole.sum())
        if head.any():
            self.head_shards[name] = self.head_shards.get(name, 0) + int(head.sum())
