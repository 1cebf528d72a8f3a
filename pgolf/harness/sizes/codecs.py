"""What each codec makes of a run's quantised weights, against what its codes must cost: `pgolf quant codecs`."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgolf.codec import artifact
from pgolf.codec.grouped import kind_of
from pgolf.core import run as runtime
from pgolf.core.load import load
from pgolf.harness.sizes import theory
from pgolf.harness.sizes.weights import Stored, Tensor

BROTLI = '{"kind":"brotli","quality":11,"window_bits":24,"shuffle":2}'
PLAIN_BROTLI = BROTLI.replace('"shuffle":2', '"shuffle":1')
LRZIP = '{"kind":"lrzip","level":9,"shuffle":1}'
SORTED = ("tok_emb", "attn.c_q", "mlp.fc")
CODECS = {
    "zlib": '{"kind":"zlib","level":9,"shuffle":1}',
    "zstd": '{"kind":"zstd","level":22,"shuffle":1}',
    "xz": '{"kind":"xz","preset":9,"extreme":true,"shuffle":1}',
    "brotli": BROTLI,
    "lrzip": LRZIP,
    "constriction table": f'{{"kind":"constriction","symbols":{{"kind":"table"}},"rest":{BROTLI}}}',
    "constriction gaussian": f'{{"kind":"constriction","symbols":{{"kind":"gaussian"}},"rest":{BROTLI}}}',
    "grouped brotli": f'{{"kind":"grouped","matrices":{PLAIN_BROTLI},"rest":{BROTLI},"sort":[]}}',
    "grouped lrzip": f'{{"kind":"grouped","matrices":{LRZIP},"rest":{BROTLI},"sort":[]}}',
}


@dataclass(frozen=True)
class Measured:
    """Of one codec."""

    name: str
    total: int
    """Bytes of the whole artifact."""
    kinds: dict[str, int]
    """Bytes of each kind of tensor compressed by itself."""
    pack_seconds: float
    unpack_seconds: float


def available() -> dict[str, SimpleNamespace]:
    """The codecs that this machine has."""
    has_lrzip = shutil.which("lrzip") is not None
    return {name: runtime.parse(text) for name, text in CODECS.items() if has_lrzip or "lrzip" not in name}


def with_sorted_rows(cfg: SimpleNamespace, stored: Stored) -> SimpleNamespace:
    """The rows that PR 1855 re-orders, as far as this model has them."""
    if cfg.kind != "grouped":
        return cfg
    kinds = {kind_of(tensor.row) for tensor in stored.tensors}
    return SimpleNamespace(**{**vars(cfg), "sort": [name for name in SORTED if any(k.endswith(name) for k in kinds)]})


def measure(name: str, cfg: SimpleNamespace, stored: Stored) -> Measured:
    cfg = with_sorted_rows(cfg, stored)
    started = time.perf_counter()
    blob = artifact.pack(cfg, stored.layout, stored.payload)
    packed = time.perf_counter()
    assert artifact.unpack(cfg, stored.layout, blob) == stored.payload
    done = time.perf_counter()
    kinds = {kind: alone(cfg, stored.part(tensors)) for kind, tensors in stored.kinds.items()}
    return Measured(name, len(blob), kinds, packed - started, done - packed)


def alone(cfg: SimpleNamespace, part: Stored) -> int:
    """Bytes of some tensors compressed by themselves, without a header."""
    if cfg.kind == "constriction" and not any(tensor.is_code for tensor in part.tensors):
        cfg = cfg.rest
    cfg = with_sorted_rows(cfg, part)
    rows = [tensor.row for tensor in part.tensors]
    return sum(len(section) for section in load("codec", cfg).compress(cfg, part.payload, rows))


def entropy_bytes(tensor: Tensor) -> float:
    """What a tensor costs when only the shares of its codes are known; of its first, second, ... bytes for other numbers."""
    columns = np.frombuffer(tensor.data, np.uint8).reshape(-1, tensor.values.itemsize)
    shares = [np.bincount(column, minlength=256) / len(column) for column in columns.T]
    return float(sum(theory.entropy(share) for share in shares)) * len(columns) / 8


def gaussian_bytes(tensor: Tensor) -> float:
    """What codes cost when each row is a rounded normal distribution of its own width."""
    if not tensor.is_code:
        return float(len(tensor.data))
    q_OI = tensor.values.astype(np.float64)
    width_O = np.sqrt(np.maximum(np.square(q_OI).mean(1) - 1 / 12, 1e-6))
    top = max(int(np.abs(q_OI).max()), 1)
    return float(theory.bits_at(1 / width_O, top).sum()) * q_OI.shape[1] / 8


def bounds(stored: Stored) -> dict[str, dict[str, float]]:
    """{kind: {raw, entropy, gaussian}} in bytes."""
    return {
        kind: {
            "raw": sum(len(t.data) for t in tensors),
            "entropy": sum(map(entropy_bytes, tensors)),
            "gaussian": sum(map(gaussian_bytes, tensors)),
        }
        for kind, tensors in stored.kinds.items()
    }


def compare(stored: Stored, names: tuple[str, ...], say: Callable[[str], None]) -> dict[str, Any]:
    """Bounds of every kind of tensor, and every codec's bytes and seconds; `names` empty: all that this machine has."""
    chosen = {name: cfg for name, cfg in available().items() if not names or name in names}
    results = []
    for name, cfg in chosen.items():
        results.append(measure(name, cfg, stored))
        last = results[-1]
        say(
            f"{name}: {last.total:,} bytes, packed in {last.pack_seconds:.1f} s, unpacked in {last.unpack_seconds:.1f} s"
        )
    best = min(results, key=lambda one: one.total)
    return {
        "bounds": bounds(stored),
        "codecs": {
            one.name: {
                "bytes": one.total,
                "pack_seconds": one.pack_seconds,
                "unpack_seconds": one.unpack_seconds,
                "kinds": one.kinds,
            }
            for one in results
        },
        "smallest": best.name,
    }
