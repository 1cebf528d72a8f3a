"""The script's entry: `train_gpt.py` runs all stages in order, `train_gpt.py STAGE ...` those named.

Under torchrun every rank runs this. Ends with one line and the error's own exit code, never with a traceback, for
anything that is not a bug.
"""

import errno
import os
import resource
import sys
import traceback
from importlib import import_module

from pgolf.core import run
from pgolf.core.errors import InputError, PgolfError, StageError
from pgolf.core.events import event

STAGES = "train", "quantize", "package", "diagnose", "evaluate"


def flat(cfg, prefix: str = "") -> list[str]:
    lines = []
    for name, value in sorted(cfg.__dict__.items()):
        lines += flat(value, f"{prefix}{name}.") if hasattr(value, "__dict__") else [f"  {prefix}{name}: {value}"]
    return lines


def report_memory() -> None:
    """The most memory this process has held, MiB. The package stage runs without torch."""
    torch = sys.modules.get("torch")
    gpu = torch.cuda if torch and torch.cuda.is_available() else None
    event(
        "memory",
        gpu_mib=gpu.max_memory_allocated() >> 20 if gpu else 0,
        gpu_reserved_mib=gpu.max_memory_reserved() >> 20 if gpu else 0,
        host_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    )


def run_all(cfg, stages) -> None:
    if not set(stages) <= set(STAGES):
        raise InputError(f"found stages {' '.join(stages)}; allowed: {' '.join(STAGES)}.")
    if cfg.hardware.logical_ranks % run.WORLD:
        raise InputError(
            f"{run.WORLD} processes do not divide the {cfg.hardware.logical_ranks} logical ranks of a step."
        )
    if "train" in stages:
        text = "\n".join([f"  seed: {run.seed()}", *flat(cfg)])
        event("settings", seed=run.seed(), world_size=run.WORLD, text=text)
    for stage in stages:
        import_module(f"pgolf.stages.{stage}").run_stage(cfg)
        if run.WORLD > 1:
            import_module("pgolf.core.ranks").barrier()
    report_memory()


def main(text: str) -> None:
    """Run with the resolved recipe `text` (JSON)."""
    code = 0
    try:
        run_all(run.parse(text), sys.argv[1:] or STAGES)
    except PgolfError as error:
        code = complain(error)
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full:
            traceback.print_exc()  # through Python, which finds the lines of bundled modules
        code = complain(StageError("the disk is full. Free space and run again." if full else f"bug: {error!r}"))
    sys.stdout.flush()
    if run.WORLD > 1 and not code:
        import_module("pgolf.core.ranks").leave()
    os._exit(code)  # the other ranks may be waiting for this one: do not wait for them


def complain(error: PgolfError) -> int:
    event("error", message=str(error), code=error.exit_code)
    return error.exit_code
