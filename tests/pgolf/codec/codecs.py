"""Small settings of every codec, and payloads like those of quantised models."""

import json
import math
import shutil

import numpy as np
import pytest

from tests.recipes import tree

BROTLI = {"kind": "brotli", "quality": 5, "window_bits": 16, "shuffle": 2}
SORT = ["tok_emb", "attn.c_q"]
CODECS = {
    "brotli": BROTLI,
    "zlib": {"kind": "zlib", "level": 9, "shuffle": 2},
    "zstd": {"kind": "zstd", "level": 9, "shuffle": 2},
    "xz": {"kind": "xz", "preset": 6, "extreme": True, "shuffle": 2},
    "lrzip": {"kind": "lrzip", "level": 9, "shuffle": 2},
    "grouped": {"kind": "grouped", "matrices": {**BROTLI, "shuffle": 1}, "rest": BROTLI, "sort": SORT},
    "constriction": {"kind": "constriction", "symbols": {"kind": "table"}, "rest": BROTLI},
}
OTHER_WAYS = {
    "grouped, nothing sorted": {**CODECS["grouped"], "sort": []},
    "grouped, xz": {**CODECS["grouped"], "matrices": {**CODECS["xz"], "shuffle": 1}},
    "grouped, lrzip": {**CODECS["grouped"], "matrices": {**CODECS["lrzip"], "shuffle": 1}},
    "constriction, gaussian": {**CODECS["constriction"], "symbols": {"kind": "gaussian"}},
}
WAYS = CODECS | OTHER_WAYS
LRZIP = pytest.mark.skipif(shutil.which("lrzip") is None, reason="the program lrzip is not installed")
PARAMETERS = [pytest.param(way, marks=LRZIP if "lrzip" in way else ()) for way in WAYS]
QUICK = [way for way in WAYS if "lrzip" not in way]  # without a process for each call
ITEM_BYTES = {"torch.int8": 1, "torch.float16": 2, "torch.float32": 4}


def codec(way, **changes):
    return tree(**{**WAYS[way], **changes})


def layout_of(*tensors) -> bytes:
    """(name, type, shape), ... as `payload.describe` writes it."""
    return json.dumps([[*one, ITEM_BYTES[one[1]] * math.prod(one[2])] for one in tensors]).encode()


def flat(size: int) -> bytes:
    """A layout of so many bytes without any matrix."""
    return layout_of(("rest", "torch.int8", [size])) if size else layout_of()


LAYOUT = layout_of(
    ("vocabulary.tok_emb.q", "torch.int8", [24, 8]),
    ("blocks.0.attn.c_q.weight.q", "torch.int8", [8, 8]),
    ("blocks.0.mlp.fc.weight.q", "torch.int8", [16, 8]),
    ("blocks.1.attn.c_q.weight.q", "torch.int8", [8, 8]),
    ("blocks.1.mlp.fc.weight.q", "torch.int8", [16, 8]),
    ("blocks.0.attn.c_q.weight.scale", "torch.float16", [8]),
    ("blocks.0.gate.q", "torch.int8", [5]),
    ("gain", "torch.float32", [3]),
)
SIZE = sum(row[3] for row in json.loads(LAYOUT))


def payload(seed=0, layout=LAYOUT) -> bytes:
    """Codes as a quantised model has them, and small floats."""
    rng = np.random.default_rng(seed)

    def values(kind, shape):
        if kind == "torch.int8":
            return np.clip(np.rint(rng.normal(0, 2.5, shape)), -31, 31).astype(np.int8)
        return rng.normal(1, 0.01, shape).astype(kind.removeprefix("torch."))

    return b"".join(values(kind, shape).tobytes() for _, kind, shape, _ in json.loads(layout))
