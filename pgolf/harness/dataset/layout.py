"""Where a data set lies, and how a file gets there: whole or not at all.

    DATA_DIR/manifest.json
    DATA_DIR/tokenizers/fineweb_8192_bpe.model
    DATA_DIR/datasets/fineweb10B_sp8192/fineweb_train_000000.bin, ..., fineweb_val_000000.bin, ...

A CaseOps variant has a side-car beside each validation shard, fineweb_val_bytes_000000.bin: bytes of original text, by token.
Every file is written under a temporary name, flushed to the disk and renamed, so a file that has its name is finished.
From    openai/parameter-golf, data export scripts (folder names, shard format, manifest keys)
"""

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np

from pgolf.core import files
from pgolf.core.errors import DataError, InputError
from pgolf.data.shards import HEADER_BYTES, MAGIC, VERSION

VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,79}")
SPLITS = ("train", "val")
VOCABULARY_MAX = 1 << 16  # token ids are uint16
SHARD_TOKENS_MAX = (1 << 31) - 1  # the count is an int32 in the header


@dataclass(frozen=True)
class Layout:
    """The paths of one variant ("sp8192", "demo1024") below one DATA_DIR. Raises InputError on odd letters."""

    data_dir: Path
    variant: str

    def __post_init__(self) -> None:
        if not VARIANT.fullmatch(self.variant):
            raise InputError(
                f"variant {self.variant!r}: letters, digits and underscores only, at most 80. Say for example sp8192."
            )

    @property
    def dataset_name(self) -> str:
        return f"fineweb10B_{self.variant}"

    @property
    def folder(self) -> Path:
        return self.data_dir / "datasets" / self.dataset_name

    @property
    def manifest(self) -> Path:
        return self.data_dir / "manifest.json"

    @property
    def tokenizer(self) -> Path:
        return self.data_dir / "tokenizers" / tokenizer_file_name(self.variant)

    @property
    def lock(self) -> Path:
        """Held while files of this data set are made or fetched."""
        return self.data_dir / f".{self.dataset_name}.lock"

    @property
    def is_caseops(self) -> bool:
        """Whether its text is transformed, and its bytes are therefore in side-cars."""
        return is_caseops(self.variant)

    def sidecar(self, index: int) -> Path:
        return self.folder / f"fineweb_val_bytes_{index:06d}.bin"

    def shard(self, split: str, index: int) -> Path:
        return self.folder / shard_file_name(split, index)

    def shards(self, split: str) -> dict[int, Path]:
        """Number -> path of the shards that lie here, in order. Byte sidecars (fineweb_val_bytes_*) are not shards."""
        pattern = re.compile(rf"fineweb_{split}_(\d{{6}})\.bin")
        found = ((pattern.fullmatch(path.name), path) for path in sorted(self.folder.glob(f"fineweb_{split}_*.bin")))
        return {int(match[1]): path for match, path in found if match and path.is_file()}

    def key(self, path: Path) -> str:
        """The name of a file in the manifest: its path below DATA_DIR, with forward slashes."""
        return path.relative_to(self.data_dir).as_posix()


def shard_file_name(split: str, index: int) -> str:
    if split not in SPLITS:
        raise InputError(f"split {split!r}: must be one of {', '.join(SPLITS)}.")
    return f"fineweb_{split}_{index:06d}.bin"


def is_caseops(variant: str) -> bool:
    """By its name, as published: sp8192_lossless_caps_caseops_v1_reserved."""
    return "caseops" in variant


def tokenizer_file_name(variant: str) -> str:
    """sp8192 -> fineweb_8192_bpe.model; sp8192_x -> fineweb_8192_bpe_x.model; any other -> fineweb_<variant>_bpe.model."""
    match = re.fullmatch(r"sp(\d+)(_.+)?", variant)
    return f"fineweb_{match[1]}_bpe{match[2] or ''}.model" if match else f"fineweb_{variant}_bpe.model"


def write_whole(path: Path, data: bytes) -> None:
    """`data` under `path`, or nothing: temporary name, fsync, rename. Raises DataError when the disk refuses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, data)
    except OSError as error:
        raise DataError(f"{path}: could not be written ({error.strerror}). Free the disk, or set --data-dir.") from None


def move_whole(partial: Path, path: Path) -> None:
    """Rename `partial`, already on the disk, to `path` in the same folder, and put the rename on the disk too."""
    os.replace(partial, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_shard(path: Path, tokens_N: np.ndarray) -> None:
    """Token ids (N,) of any integer type, 0 <= id < 65,536, as one shard file. Raises DataError on anything else."""
    if tokens_N.ndim != 1 or not np.issubdtype(tokens_N.dtype, np.integer):
        raise DataError(f"{path}: tokens of shape {tokens_N.shape} and type {tokens_N.dtype}, expected (N,) integers.")
    if len(tokens_N) > SHARD_TOKENS_MAX:
        raise DataError(f"{path}: {len(tokens_N):,} tokens, a header counts {SHARD_TOKENS_MAX:,}: write more shards.")
    if len(tokens_N) and (tokens_N.min() < 0 or tokens_N.max() >= VOCABULARY_MAX):
        raise DataError(f"{path}: ids {tokens_N.min()} to {tokens_N.max()}, a shard holds 0 to {VOCABULARY_MAX - 1}.")
    header = np.zeros(HEADER_BYTES // 4, "<i4")
    header[:3] = MAGIC, VERSION, len(tokens_N)
    write_whole(path, header.tobytes() + tokens_N.astype("<u2").tobytes())


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(lock: Path) -> Iterator[None]:
    """One process at a time. Whoever waits is told so on stderr; a lock dies with its process. Raises DataError."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        guard = filelock.FileLock(lock)
        try:
            guard.acquire(timeout=0)
        except filelock.Timeout:
            print(f"waiting for another pgolf that works on {lock.parent} ({lock.name})", file=sys.stderr)
            guard.acquire()
    except OSError as error:
        raise DataError(f"{lock.parent}: cannot be written ({error.strerror}). Choose another --data-dir.") from None
    try:
        yield
    finally:
        guard.release()
