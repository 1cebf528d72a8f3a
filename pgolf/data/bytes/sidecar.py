"""How many bytes of text a token stands for, when it is text that was transformed: read from files beside the validation shards.

    fineweb_val_bytes_000000.bin   header and format of a shard; entry i: bytes of original text behind validation token i

Written with the tokens (`pgolf data prepare`), since a token alone does not tell: the same pieces stand for text of different
length before the transform, and a mark for none.
From    parameter-golf PR 1729
"""

from pathlib import Path

import numpy as np

from pgolf.core import run
from pgolf.core.errors import DataError
from pgolf.data.shards import find_shards, open_shard

BOS = 1  # of every tokenizer of the challenge


def find_sidecars(folder: Path) -> list[Path]:
    """The side-cars beside the validation shards in `folder`: one for each, of its length. Raises DataError."""
    paths = sorted(folder.glob("fineweb_val_bytes_[0-9]*.bin"))
    found, needed = [[len(open_shard(path)) for path in some] for some in (paths, find_shards(folder, "val"))]
    if found != needed:
        raise DataError(
            f"{folder}: side-cars (fineweb_val_bytes_*.bin) hold {found or 'no'} entries, validation shards {needed} tokens. "
            "Run `pgolf data prepare`, or fetch the variant again."
        )
    return paths


def read(folder: Path, tokens_N: np.ndarray) -> np.ndarray:
    """Bytes (N - 1,) of the targets of tokens_N, which are the first tokens of validation."""
    bytes_N = np.concatenate([open_shard(path) for path in find_sidecars(folder)])[: len(tokens_N)].astype(np.int32)
    if wrong := bytes_N[tokens_N == BOS].sum():
        raise DataError(
            f"{folder}: the side-car says {wrong} bytes for tokens that begin documents, which stand for none: it belongs to "
            "other shards. Make or fetch the data set again."
        )
    return bytes_N[1:]


def count(cfg, tokens_N: np.ndarray) -> np.ndarray:
    return read(run.dataset(cfg), tokens_N)
