"""The challenge's shard files: 256 little-endian int32 of header, then uint16 token ids.

    header[0] = 20240520   header[1] = 1   header[2] = number of tokens   the rest 0

A document is bos + tokens; documents run across shard borders.
From    openai/parameter-golf, data export scripts
"""

from pathlib import Path

import numpy as np

from pgolf.core.errors import DataError

MAGIC = 20240520
VERSION = 1
HEADER_BYTES = 1024


def read_header(path: Path) -> int:
    """The number of tokens of the shard at `path`; DataError when the file is not a whole shard."""
    size_bytes = path.stat().st_size
    header = np.fromfile(path, "<i4", HEADER_BYTES // 4)
    if len(header) < HEADER_BYTES // 4:
        raise DataError(f"{path}: {size_bytes} bytes, shorter than a shard header ({HEADER_BYTES}). Fetch it again.")
    if (header[0], header[1]) != (MAGIC, VERSION):
        raise DataError(f"{path}: magic {header[0]} version {header[1]}, expected {MAGIC} and {VERSION}: not a shard.")
    tokens = int(header[2])
    if size_bytes != HEADER_BYTES + 2 * tokens:
        raise DataError(
            f"{path}: {size_bytes:,} bytes for {tokens:,} tokens, expected {HEADER_BYTES + 2 * tokens:,}: truncated. "
            "Fetch it again."
        )
    return tokens


def open_shard(path: Path) -> np.ndarray:
    """Token ids (N,) uint16, mapped into memory read-only."""
    tokens = read_header(path)
    if not tokens:
        return np.zeros(0, np.uint16)
    return np.memmap(path, "<u2", "r", HEADER_BYTES, (tokens,))


def find_shards(folder: Path, split: str, count: int = 0) -> list[Path]:
    """The shards of `split` ("train" or "val") in name order; the first `count` of them when count is not 0."""
    paths = sorted(folder.glob(f"fineweb_{split}_*.bin"))
    if len(paths) < max(count, 1):
        raise DataError(
            f"{folder}: found {len(paths)} {split} shards, need {max(count, 1)}. "
            "Run `pgolf data fetch` (or `pgolf data demo`), or set DATA_DIR."
        )
    return paths[:count] if count else paths


def validation_tokens(folder: Path, sequence_tokens: int) -> np.ndarray:
    """All validation shards in order, (usable + 1,) uint16, usable = floor((N - 1) / T) * T."""
    tokens_N = np.concatenate([open_shard(path) for path in find_shards(folder, "val")])
    usable = (len(tokens_N) - 1) // sequence_tokens * sequence_tokens
    if usable <= 0:
        raise DataError(f"{folder}: {len(tokens_N)} validation tokens, fewer than one sequence of {sequence_tokens}.")
    return tokens_N[: usable + 1]
