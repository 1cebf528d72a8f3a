"""Constant, then linear to 0 over the last `steps` steps; under a time limit, over the time so many average steps take.

From    parameter-golf baseline
"""


def multiplier(cfg, progress) -> float:
    if cfg.steps <= 0:
        return 1.0
    if progress.cap_seconds is None:
        left, length = progress.steps - progress.step, float(cfg.steps)
    else:
        left = max(progress.cap_seconds - progress.elapsed_seconds, 0.0)
        length = cfg.steps * progress.elapsed_seconds / max(progress.step, 1)
    return left / length if left <= length and length else 1.0
