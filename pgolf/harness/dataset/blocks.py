"""Documents encoded by several processes, in their order: what comes out does not depend on how many there are.

This module imports little, since each process imports it again.
"""

import ctypes
import itertools
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pgolf.core.errors import DataError, StageError
from pgolf.data.bytes.pieces import byte_tables, target_bytes
from pgolf.harness.dataset.documents import Documents, text_of
from pgolf.harness.dataset.encoding import checked_tokenizer, encode_documents
from pgolf.harness.dataset.layout import VOCABULARY_MAX

BLOCK_DOCUMENTS = 512
BLOCK_BYTES = 1 << 21
BLOCKS_PER_JOB = 3  # handed out ahead: enough to keep every process busy, few enough to stay in memory
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Block:
    """Documents to encode: lines of the file, with their numbers."""

    lines: list[tuple[int, bytes]]
    is_validation: bool


@dataclass(frozen=True)
class Encoded:
    is_validation: bool
    documents: int
    tokens_N: np.ndarray
    bytes_N: np.ndarray | None


def in_blocks(documents: Documents, validation_documents: int, read: Callable[[int], None]) -> Iterator[Block]:
    """All documents in order; a block never holds both splits."""
    lines = documents.lines(read)
    for part, is_validation in ((itertools.islice(lines, validation_documents), True), (lines, False)):
        held: list[tuple[int, bytes]] = []
        held_bytes = 0
        for number, line in part:
            held.append((number, line))
            held_bytes += len(line)
            if len(held) == BLOCK_DOCUMENTS or held_bytes >= BLOCK_BYTES:
                yield Block(held, is_validation)
                held, held_bytes = [], 0
        if held:
            yield Block(held, is_validation)


def in_order(blocks: Iterator[Block], jobs: int, encoder: tuple[Path, bool, Path]) -> Iterator[Encoded]:
    """The blocks encoded, in the order they came in. Never more of them under way than memory holds."""
    if jobs == 1:
        yield from map(Encoder(*encoder), blocks)
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start, encoder)
    waiting: deque[Future[Encoded]] = deque()
    try:
        for block in blocks:
            waiting.append(pool.submit(_encode, block))
            if len(waiting) == BLOCKS_PER_JOB * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        # A process that was started while another was found dead is not ended by the pool, which would wait for it forever.
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise StageError(f"one of {jobs} processes was killed (out of memory?). Use fewer --jobs.") from None
    finally:
        pool.shutdown(cancel_futures=True)


class Encoder:
    """What a process does to a block."""

    def __init__(self, tokenizer: Path, is_caseops: bool, source: Path):
        self.is_caseops, self.source = is_caseops, source
        self.tokenizer = checked_tokenizer(tokenizer, is_caseops)
        self.tables = byte_tables(self.tokenizer, VOCABULARY_MAX)

    def __call__(self, block: Block) -> Encoded:
        texts = [text_of(line, self.source, number) for number, line in block.lines]
        counts = block.is_validation and self.is_caseops
        tokens, counted = encode_documents(self.tokenizer, texts, self.is_caseops, counts)
        tokens_N, bytes_N = np.concatenate(tokens), None
        if counts:
            for (number, _), bytes_D in zip(block.lines, counted, strict=True):
                if bytes_D.max() >= VOCABULARY_MAX:
                    raise DataError(
                        f"{self.source}: line {number}: one token stands for {bytes_D.max():,} bytes, a side-car holds up to "
                        f"{VOCABULARY_MAX - 1:,}. Not a document of the challenge."
                    )
            bytes_N = np.concatenate(counted).astype(np.uint16)
        elif block.is_validation:
            bytes_N = target_bytes(self.tables, tokens_N)
        return Encoded(block.is_validation, len(texts), tokens_N, bytes_N)


_encoder: list[Encoder] = []  # of a worker process


def _start(*encoder) -> None:
    """In a worker: leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _encoder.append(Encoder(*encoder))


def _encode(block: Block) -> Encoded:
    return _encoder[0](block)
