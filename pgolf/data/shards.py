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


def open_shard(path: Path) -> np.ndarray:
    """Token ids (N,) uint16, mapped into memory read-only; DataError when the file is not one whole shard."""
    size_bytes = path.stat().st_size
    magic, version, tokens = [*np.fromfile(path, "<u4", 3).tolist(), 0, 0, 0][:3]
    if (magic, version, size_bytes) != (MAGIC, VERSION, HEADER_BYTES + 2 * tokens):
        raise DataError(
            f"{path}: found magic {magic}, version {version}, {size_bytes} bytes for {tokens} tokens; "
            f"allowed: {MAGIC}, {VERSION}, {HEADER_BYTES} + 2 bytes a token. Damaged or truncated: fetch it again."
        )
    return np.memmap(path, "<u2", "r", HEADER_BYTES, (tokens,)) if tokens else np.zeros(0, np.uint16)


def find_shards(folder: Path, split: str, count: int = 1) -> list[Path]:
    """The shards of `split` ("train" or "val") in name order; at least `count` of them."""
    paths = sorted(folder.glob(f"fineweb_{split}_[0-9]*.bin"))
    if len(paths) < count:
        raise DataError(
            f"{folder}: found {len(paths)} {split} shards, need {count}. Run `pgolf data fetch`, or set DATA_DIR."
        )
    return paths


def validation_tokens(folder: Path, sequence_tokens: int) -> np.ndarray:
    """All validation shards in order, (usable + 1,) uint16, usable = floor((N - 1) / T) * T."""
    tokens_N = np.concatenate([open_shard(path) for path in find_shards(folder, "val")])
    usable = (len(tokens_N) - 1) // sequence_tokens * sequence_tokens
    if usable <= 0:
        raise DataError(f"{folder}: {len(tokens_N)} validation tokens, less than one window of {sequence_tokens}.")
    return tokens_N[: usable + 1]
