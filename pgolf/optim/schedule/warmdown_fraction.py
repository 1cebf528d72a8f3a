"""Constant, then linear to `floor` over the last `fraction` of the run.

From    parameter-golf PR 1394
"""


def multiplier(cfg, progress) -> float:
    if not cfg.fraction or progress.fraction < 1 - cfg.fraction:
        return 1.0
    return max((1 - progress.fraction) / cfg.fraction, cfg.floor)
