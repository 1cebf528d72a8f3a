"""Depth recurrence from a step on: as model/depth/loop.py, switched on after `from_step` finished steps.

    11 layers, first 3, last 5, passes 2:  0 1 2  3 4 5 3 4 5  6 7 8 9 10

From    parameter-golf PR 1260 (layers 4 and 5 twice), PR 1331 (3, 4 and 5)
"""

from pgolf.model.depth import loop

orders = loop.orders


def phase(cfg, progress) -> int:
    """The order to run in."""
    return int(progress.step >= cfg.from_step)
