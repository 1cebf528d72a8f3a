"""Tokens that may be learned from: what an update takes, and what only a ledger gives out.

An update function takes a `Scored` and nothing else, and only `release`, called by a ledger with its own count of what is
not yet committed, makes one. So no update can see a target before its loss is final.
"""

# N tokens of the range
from typing import NamedTuple

import numpy as np
import torch

from pgolf.core.errors import ScoreOrderError
from pgolf.core.ranks import device


class Scored(NamedTuple):
    start: int
    ids_N: torch.Tensor
    """Tokens start .. stop - 1, int64, on this rank's device."""
    targets_N: torch.Tensor
    """The tokens after them: targets start .. stop - 1 of the stream."""


def release(tokens: np.ndarray, start: int, stop: int, unscored: int) -> Scored:
    """Targets [start, stop) of the stream with what they follow; `unscored` of them have no loss yet, says the ledger."""
    if unscored or not 0 <= start < stop < len(tokens):
        raise ScoreOrderError(f"targets {start}..{stop} to learn from: {unscored} of them were never scored.")
    ids = torch.from_numpy(tokens[start : stop + 1].astype(np.int64)).to(device())
    return Scored(start, ids[:-1], ids[1:])
