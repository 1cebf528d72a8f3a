"""Overlapping windows: each scores its last `stride` targets, the first all of its own, so context is nearly full.

The last window scores what is left. (Some published versions score the tail again in every window that reaches it.)
From    parameter-golf PR 50, PR 1394
"""

import numpy as np

from pgolf.evals import windows

prepare, score = windows.prepare, windows.score


def label(cfg) -> str:
    return "quantized_sliding_window"


def plan(cfg, targets: int) -> np.ndarray:
    """(W, 3) rows of begin, first scored target, end of scored targets."""
    context = cfg.window - cfg.stride
    begin_W = np.arange(0, max(targets - context, 1), cfg.stride)
    first_W = np.where(begin_W > 0, begin_W + context, 0)
    return np.stack([begin_W, first_W, np.minimum(begin_W + cfg.window, targets)], 1)
