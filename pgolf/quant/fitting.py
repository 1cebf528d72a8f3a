"""Fill the bytes that are allowed: pack, compare with what a formula says, correct the formula by it, choose anew.

    offset = total(x) - formula(x) of the x packed last;    next x: where formula(x) + offset just fits

`total` is the script and the exact artifact. Only what was packed is believed: what comes back is never over the limit. Rounding
and packing read no training data, so their time is not training time.

A fit wraps another quantiser, `inner`, and is stored as that one is: the functions below hand on to it.
"""

import sys
from pathlib import Path

from pgolf.codec import artifact
from pgolf.core.errors import BudgetError
from pgolf.core.events import event
from pgolf.core.load import load
from pgolf.quant import payload


def inner(cfg):
    return load("quant", cfg.inner)


def calibrate(cfg, model, batches):
    return inner(cfg).calibrate(cfg.inner, model, batches)


def layout(quantizer, cfg, model):
    return inner(cfg).storage.layout(inner(cfg), cfg.inner, model)


def restore(stored, model, cfg) -> None:
    inner(cfg).storage.restore(stored, model, cfg.inner)


def describe(quantizer, cfg, model) -> str:
    return inner(cfg).storage.describe(inner(cfg), cfg.inner, model)


def total_bytes(codec, tensors, stored) -> int:
    """Of the script that runs and the artifact of what is stored, exactly."""
    blob = artifact.pack(codec, payload.describe(tensors), payload.to_bytes(stored, tensors))
    return Path(sys.argv[0]).stat().st_size + len(blob)


def search(cfg, codec, tensors, name: str, x, attempt, formula, choose):
    """What `attempt(x)` stores for the x that fills the limit best.

    `choose(predicted, low, high)`: an x by predicted bytes, above the x `low` that did not fit and up to `high` that did; None
    where nothing of that side has been tried.
    """
    tried: dict = {}
    best, most = None, 0
    while x not in tried and len(tried) < cfg.packs:
        stored = attempt(x)
        total = tried[x] = total_bytes(codec, tensors, stored)
        event("bits", text=f"fit: {name} {x:.6g}: {total} of {cfg.artifact_bytes} bytes")
        if most < total <= cfg.artifact_bytes:
            best, most = stored, total
        if 0 <= cfg.artifact_bytes - total <= cfg.slack_bytes:
            break
        low = max((y for y in tried if tried[y] > cfg.artifact_bytes), default=None)
        high = min((y for y in tried if tried[y] <= cfg.artifact_bytes), default=None)
        offset = total - formula(x)
        x = choose(lambda y, offset=offset: formula(y) + offset, low, high)
    if best is None:
        raise BudgetError(
            f"script and model need {min(tried.values())} bytes at least in {len(tried)} attempts, allowed are "
            f"{cfg.artifact_bytes}. Use fewer bits, a smaller model or more quant.packs."
        )
    return best
