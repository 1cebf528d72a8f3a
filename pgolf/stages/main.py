"""The script's entry: `train_gpt.py` runs all stages in order, `train_gpt.py STAGE ...` those named.

Under torchrun every rank runs this. Ends with one line and the error's own exit code, never with a traceback, for
anything that is not a bug.
"""

import errno
import os
import sys
from importlib import import_module

from pgolf.core import run
from pgolf.core.errors import InputError, PgolfError, StageError
from pgolf.core.events import ERROR, SETTINGS, event

STAGES = "train", "quantize", "package", "diagnose", "evaluate"


def flat(cfg, prefix: str = "") -> list[str]:
    lines = []
    for name, value in sorted(vars(cfg).items()):
        lines += flat(value, f"{prefix}{name}.") if hasattr(value, "__dict__") else [f"  {prefix}{name}: {value}"]
    return lines


def run_all(cfg, stages) -> None:
    if unknown := set(stages) - set(STAGES):
        raise InputError(f"unknown stage {', '.join(sorted(unknown))}: choose from {', '.join(STAGES)}.")
    if cfg.hardware.logical_ranks % run.WORLD:
        raise InputError(f"{run.WORLD} processes do not divide the {cfg.hardware.logical_ranks} logical ranks of a step.")
    event(SETTINGS, seed=run.seed(cfg), world_size=run.WORLD, text="\n".join([f"  seed: {run.seed(cfg)}", *flat(cfg)]))
    for stage in stages:
        import_module(f"pgolf.stages.{stage}").run_stage(cfg)
        if run.WORLD > 1:
            import_module("pgolf.core.ranks").barrier()


def main(text: str) -> None:
    """Run with the resolved recipe `text` (JSON)."""
    try:
        run_all(run.parse(text), sys.argv[1:] or STAGES)
        code = 0
    except PgolfError as error:
        code = complain(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        code = complain(StageError(f"the disk is full ({error.filename or run.OUT}). Free space and run again."))
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    if run.WORLD > 1 and code:
        os._exit(code)  # the other ranks wait for this one: do not wait for them
    if run.WORLD > 1:
        import_module("pgolf.core.ranks").leave()
    sys.exit(code)


def complain(error: PgolfError) -> int:
    event(ERROR, message=str(error), code=error.exit_code)
    return error.exit_code
