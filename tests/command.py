"""The pgolf command as a process, on a recipe so small that a whole run takes seconds."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "recipes" / "smoke.yaml"
PGOLF = [sys.executable, "-c", "from pgolf.cli import main; main()"]
MICRO = (
    "train.stop.steps=6", "train.batch_tokens=512", "train.log_every_steps=1", "train.warmup_steps=0", "seeds=[1]",
    "model.width=64", "model.layers=3", "model.mlp.hidden=96", "model.attention.heads=1", "quant.calibration_batches=2",
    "model.depth.last_layer=1", "evaluation.score.stride=128",
)  # fmt: skip


def settings(*changes: str) -> list[str]:
    return [part for change in (*MICRO, *changes) for part in ("--set", change)]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200", **changes}


def micro(verb: str, data_dir: Path, place: Path, *changes: str, options: tuple[str, ...] = ()) -> list[str]:
    """The command line of `pgolf run` or `record` on the micro recipe; runs and records go below `place`."""
    folders = ["--data-dir", str(data_dir), "--runs-dir", str(place / "runs")]
    if verb == "record":
        folders += ["--records-dir", str(place / "records"), "--date", "2026-04-30"]
    return [*PGOLF, verb, str(SMOKE), *folders, *settings(*changes), *options]


def pgolf(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return finished([*PGOLF, *map(str, arguments)], **environ)


def finished(argv: list[str], cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, capture_output=True, text=True, env=environment(**environ), cwd=cwd, timeout=300, check=False
    )


def refused(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The message of a command that ended with `code`: on standard error, without a traceback."""
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stderr
