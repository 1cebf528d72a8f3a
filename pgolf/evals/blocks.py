"""Back-to-back windows: every target is scored in the one window it falls into, with 0 to T - 1 tokens of context.

From    parameter-golf baseline
"""

import numpy as np

from pgolf.evals import windows

prepare, score = windows.prepare, windows.score


def label(cfg) -> str:
    return "quantized"


def plan(cfg, targets: int) -> np.ndarray:
    """(W, 3) rows of begin, first scored target, end of scored targets."""
    begin_W = np.arange(0, targets, cfg.window)
    return np.stack([begin_W, begin_W, np.minimum(begin_W + cfg.window, targets)], 1)
