"""What names say, for the places where a value cannot be followed: validation data, training data.

A name is the weakest evidence there is; flow.py asks it only of configuration fields, of parameters that nobody is seen
to call with, and of globals without a definition.
"""

import re
from functools import lru_cache
from typing import Literal

Label = Literal["val", "train", "random", "generated"]

VALIDATION = frozenset({"val", "valid", "validation", "eval", "test"})
DATA = frozenset(
    [
        "tokens",
        "token",
        "data",
        "files",
        "file",
        "ids",
        "stream",
        "seqs",
        "seq",
        "tok",
        "toks",
        "np",
        "arr",
        "glob",
        "pattern",
        "path",
        "paths",
        "shard",
        "shards",
        "dataset",
        "loader",
        "x",
        "y",
        "text",
        "chunk",
        "input",
        "inputs",
        "docs",
        "all",
        "gpu",
        "cpu",
        "flat",
        "t",
        "stream64",
        "tensor",
        "corpus",
        "set",
        "batch",
        "iter",
    ]
)
MEASURES = frozenset(
    [
        "loss",
        "bpb",
        "count",
        "counts",
        "size",
        "every",
        "bytes",
        "byte",
        "steps",
        "time",
        "seconds",
        "n",
        "num",
        "len",
        "length",
        "limit",
        "max",
        "min",
        "total",
        "freq",
        "interval",
        "ms",
        "cap",
        "budget",
        "mode",
        "enabled",
        "fraction",
        "ratio",
        "subset",
        "only",
        "stride",
        "ppl",
        "nll",
        "lut",
        "fn",
        "func",
        "sum",
        "mean",
        "avg",
        "start",
        "end",
        "offset",
        "idx",
        "index",
    ]
)
TRAINING = frozenset({"train", "training"})
STRINGS_VAL = re.compile(r"fineweb_val|(?:^|[/_])val(?:idation)?[_\-*]|/val/", re.I)
STRINGS_TRAIN = re.compile(r"fineweb_train|(?:^|[/_])train[_\-*]|/train/", re.I)


@lru_cache(maxsize=4096)
def label_of_name(name: str) -> Label | None:
    """The data that an identifier names: val_tokens -> val, train_files -> train, val_loss -> None."""
    words = name.lower().strip("_").split("_")
    kinds = set(words)
    if kinds & MEASURES:
        return None
    if kinds & TRAINING and kinds & DATA:
        return "train"
    if kinds & {"val", "valid", "validation"} and (kinds & DATA):
        return "val"
    return None


@lru_cache(maxsize=4096)
def label_of_text(text: str) -> Label | None:
    """The data that a file name or pattern in a string means."""
    if len(text) > 300:
        return None
    if STRINGS_VAL.search(text):
        return "val"
    return "train" if STRINGS_TRAIN.search(text) else None
