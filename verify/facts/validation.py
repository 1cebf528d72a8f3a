"""What validation text a score is about: tokens, bytes per token, and the known exports they are held against.

    implied bytes = tokens x loss / (ln 2 x bpb)        loss in nats per token, bpb in bits per byte

The fixed split has 151.08 million bytes whatever the tokenizer; accepted records differ by 0.00007 of it.
"""

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from verify.policy.model import LOADER


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """A published export: usable tokens and bytes per token of the whole split."""

    name: str
    tokens: int
    bytes_per_token: float
    old: bool = False


@cache
def data() -> dict[str, Any]:
    return yaml.load((files("verify.facts") / "validation_sets.yaml").read_text(), Loader=LOADER)


@cache
def known_sets() -> tuple[ValidationSet, ...]:
    return tuple(ValidationSet(**row) for row in data()["sets"])


def bytes_per_token(loss: float | None, bpb: float | None) -> float | None:
    """Bytes of text per token that a loss and a bpb imply; None where they say nothing."""
    if loss is None or bpb is None or not (math.isfinite(loss) and math.isfinite(bpb)) or loss <= 0 or bpb <= 0:
        return None
    return loss / (math.log(2) * bpb)


def set_of_tokens(tokens: int) -> ValidationSet | None:
    """The export of which `tokens` are all, but for a dropped tail or a first window."""
    tail = data()["tail_tokens_max"]
    near = [known for known in known_sets() if abs(known.tokens - tokens) <= tail]
    return min(near, key=lambda known: abs(known.tokens - tokens), default=None)


def set_of_ratio(ratio: float, share_off_max: float) -> ValidationSet | None:
    """The export whose bytes per token are within a share of `ratio`."""
    near = [known for known in known_sets() if abs(ratio / known.bytes_per_token - 1) <= share_off_max]
    return min(near, key=lambda known: abs(known.bytes_per_token - ratio), default=None)


def share_off(tokens: int, ratio: float) -> float:
    """How far the implied bytes are from those of the split: 0.17 is 17 % too many."""
    return tokens * ratio / data()["bytes"] - 1


def known_bad(tokens: int) -> str | None:
    """Why a count of tokens is known to be wrong."""
    return next((row["why"] for row in data()["known_bad"] if abs(row["tokens"] - tokens) <= 4096), None)
