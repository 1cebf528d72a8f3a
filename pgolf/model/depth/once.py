"""Every layer once, in order; the first half feeds the skips of the second."""


def orders(cfg) -> list[list[int]]:
    """The orders of layers a run goes through, from first to last."""
    return [list(range(cfg.layers))]


def phase(cfg, progress) -> int:
    """The order to run in."""
    return 0
