"""Depth recurrence: from a fraction of training on, layers first..last run `passes` times in a row with shared weights.

    11 layers, first 4, last 5, passes 3:  0 1 2 3  4 5 4 5 4 5  6 7 8 9 10

Why     depth without bytes; switched on late because the short network trains faster
From    parameter-golf PR 1285, PR 1394
"""


def orders(cfg) -> list[list[int]]:
    """The orders of layers a run goes through, from first to last."""
    layers, loop = list(range(cfg.layers)), cfg.depth
    first, last = loop.first_layer, loop.last_layer
    return [layers, layers[:first] + layers[first : last + 1] * loop.passes + layers[last + 1 :]]


def phase(cfg, progress) -> int:
    """The order to run in."""
    return int(progress.fraction >= cfg.from_fraction)
