"""One stage of one seed: a process of its own, in a folder of its own, under a clock outside of it.

The process sees the script, the files it needs from earlier stages, and a data folder that holds only the split it may
see. It works in NAME.partial-PID; only when it has ended well is the folder renamed to NAME, so what has that name is whole.
A failed stage leaves NAME.failed with its log. When pgolf itself is killed, its stage is ended with it.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgolf.core.errors import BudgetError, StageError
from pgolf.harness import atomic, machine
from pgolf.harness.datafiles import Files, sha256_of
from pgolf.harness.events import AnyEvent, Calibrated, Clock, Failure, Score, Tail, TrainEnd

SILENCE_SECONDS_MAX = 3600.0  # outside of timed phases without an event: imports, compiling, rounding, packing
GRACE_SECONDS = 5.0  # a stage that stops itself in time never needs it
TERMINATE_SECONDS = 10.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
PASSED_ON_PREFIXES = ("CUDA", "NCCL", "NVIDIA", "OMP_", "MKL_", "GLOO_", "TORCH", "TRITON")


@dataclass(frozen=True)
class Stage:
    name: str
    folder: str
    needs: tuple[str, ...]
    """Files of earlier stages; one that the earlier stage may but need not write is there when it was written."""
    gives: tuple[str, ...]
    may_give: tuple[str, ...]
    """Files that some recipes write and others do not."""
    sees: str | None
    """The split of the data that is there."""
    parallel: bool
    """Runs on all ranks; otherwise as one process."""


STAGES = (
    Stage("train", "1_train", (), ("weights.pt",), ("sensitivity.json",), "train", True),
    Stage("quantize", "2_quantize", ("weights.pt", "sensitivity.json"), ("weights.q",), (), "train", True),
    Stage("package", "3_package", ("weights.q",), ("model.bin",), (), None, False),
    Stage("evaluate", "4_evaluate", ("model.bin",), ("ledger.f32",), (), "val", True),
    Stage("diagnose", "5_diagnose", ("weights.pt", "model.bin"), (), (), "val", True),
)
GIVEN_BY = {file: stage.folder for stage in STAGES for file in stage.gives + stage.may_give}
OPTIONAL = {file for stage in STAGES for file in stage.may_give}


@dataclass(frozen=True)
class Job:
    """What all stages of a seed share."""

    folder: Path
    script: Path
    seed: int
    world_size: int
    files: Files
    kill_over_budget: bool
    """Stages that are over their time are killed; off in a run of fixed steps, which may be slow."""


def command(script: Path, stage: Stage, world_size: int) -> list[str]:
    if stage.parallel and world_size > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={world_size}"]
        return [sys.executable, *launcher, script.name, stage.name]
    return [sys.executable, "-u", script.name, stage.name]


def environment(job: Job, stage: Stage, folder: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if k in PASSED_ON or k.startswith(PASSED_ON_PREFIXES)}
    processes = job.world_size if stage.parallel else 1
    env.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    return env | {
        "SEED": str(job.seed),
        "DATA_DIR": str(folder.resolve() / "data"),
        "PGOLF_EVENTS": str(folder.resolve() / "events.jsonl"),
        "PYTHONUNBUFFERED": "1",
    }


def run(job: Job, stage: Stage, watch: Callable[[AnyEvent], None], spent_seconds: float = 0.0) -> None:
    """Run `stage`; nothing is done when it is done already. `spent_seconds` of its time limit are used up before it starts.

    Raises the error that the stage itself reported, StageError when it died, BudgetError when it was stopped for time.
    """
    final = job.folder / stage.folder
    if final.is_dir():
        return
    folder, failed = (final.with_name(f"{stage.folder}.{suffix}") for suffix in (f"partial-{os.getpid()}", "failed"))
    for old in (failed, *job.folder.glob(f"{stage.folder}.partial-*")):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        prepare(job, stage, folder)
        record = execute(job, stage, folder, watch, spent_seconds)
        for name in stage.gives:
            if not (folder / name).is_file():
                raise StageError(f"{stage.name} ended well but did not write {name}. See {failed / 'log.txt'}.")
        record["outputs"] = {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)}
            for name in (*stage.gives, *stage.may_give)
            if (folder / name).is_file()
        }
        atomic.write_json(folder / "stage.json", record)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        clear_inputs(job, stage, folder)
        folder.rename(failed)
        raise
    clear_inputs(job, stage, folder)
    folder.rename(final)


def prepare(job: Job, stage: Stage, folder: Path) -> None:
    shutil.copyfile(job.script, folder / job.script.name)
    for name in stage.needs:
        source = job.folder / GIVEN_BY[name] / name
        if source.is_file() or name not in OPTIONAL:
            link_or_copy(source, folder / name)
    job.files.show(folder / "data", stage.sees)


def link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def clear_inputs(job: Job, stage: Stage, folder: Path) -> None:
    """What the stage was given is not what it made."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    for name in (job.script.name, *stage.needs):
        (folder / name).unlink(missing_ok=True)


def execute(
    job: Job, stage: Stage, folder: Path, watch: Callable[[AnyEvent], None], spent_seconds: float
) -> dict[str, Any]:
    """Start the process, follow its events, keep its clocks; the stage's record."""
    argv = command(job.script, stage, job.world_size)
    tail = Tail(folder / "events.jsonl")
    clocks = Clocks(stage.name, spent_seconds, job.kill_over_budget)
    failures: list[Failure] = []
    started = time.time()
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(
            argv, cwd=folder, env=environment(job, stage, folder), stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509 (one system call, no lock)
        )  # fmt: skip
        try:
            while True:
                ended = process.poll() is not None
                for event in tail.new():
                    clocks.see(event)
                    watch(event)
                    if isinstance(event, Failure):
                        failures.append(event)
                if ended:
                    break
                clocks.check()
                time.sleep(0.01)
        finally:
            stop(process)
    if process.returncode:
        raise failure(stage, job, folder, process.returncode, failures)
    return {
        "stage": stage.name,
        "command": ["python", *argv[1:]],
        "started": started,
        "seconds": time.time() - started,
        "machine": machine.facts(),
        "phases": clocks.phases,
    }


def die_with_parent() -> None:
    """In the child: be ended when pgolf is killed; torchrun then ends its ranks. (Linux only.)"""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(process: subprocess.Popen) -> None:
    """End the whole process group, politely first."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        os.killpg(process.pid, how)
        try:
            process.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


class Clocks:
    """Times of a stage's phases from outside: when its events arrived here."""

    def __init__(self, stage: str, spent_seconds: float, kill: bool):
        self.stage, self.spent, self.kill = stage, spent_seconds, kill
        self.started = self.heard = time.monotonic()
        self.phases: list[dict[str, Any]] = []
        self.begun: float | None = None

    def see(self, event: AnyEvent) -> None:
        now = self.heard = time.monotonic()
        if isinstance(event, Clock):
            self.begun = now
            self.phases.append(
                {"phase": event.phase, "limit_seconds": event.limit_seconds, "after_seconds": now - self.started}
            )
        elif isinstance(event, TrainEnd | Calibrated | Score) and self.begun is not None:
            self.phases[-1] |= {"seconds": now - self.begun, "own_seconds": event.seconds}
            self.begun = None

    def check(self) -> None:
        now = time.monotonic()
        if self.begun is not None and self.phases[-1]["phase"] != "diagnose":
            phase, limit = self.phases[-1]["phase"], self.phases[-1]["limit_seconds"]
            if self.kill and now - self.begun + self.spent > limit + GRACE_SECONDS:
                raise BudgetError(
                    f"{phase} has run {now - self.begun + self.spent:.0f} s of {limit:g} s and was stopped. "
                    "Lower train.stop.steps or the model's size, or raise the recipe's budget."
                )
        elif now - self.heard > SILENCE_SECONDS_MAX:
            raise StageError(f"{self.stage} has said nothing for {SILENCE_SECONDS_MAX:.0f} s and was stopped.")


def failure(stage: Stage, job: Job, folder: Path, code: int, failures: list[Failure]) -> StageError:
    """What went wrong, in one line: the stage's own words, or how its process ended."""
    where = folder.with_name(f"{stage.folder}.failed") / "log.txt"
    log = (folder / "log.txt").read_text(errors="replace")
    ranks = re.findall(r"^\s*rank\s*:\s*(\d+).*?^\s*exitcode\s*:\s*(-?\d+)", log, re.MULTILINE | re.DOTALL)
    # A killed rank takes the others with it, which then complain of it: what it died of comes first.
    killed = [(rank, int(code)) for rank, code in ranks if int(code) < 0 and int(code) != -signal.SIGTERM]
    if failures and not killed:
        # A rank that ends takes the others with it, which then complain of that: what is no "bug" is the cause.
        first = next((f for f in failures if not f.message.startswith("bug: ")), failures[0])
        message = first.message
        if "OutOfMemoryError" in message:
            message = (
                "the GPU's memory is full. Lower train.batch_tokens or evaluation.*.batch_windows, or use more GPUs."
            )
        error = StageError(f"{stage.name}, seed {job.seed}: {message} Log: {where}")
        error.exit_code = first.code
        return error
    who, code = (killed or [(rank, int(one)) for rank, one in ranks] or [("", code)])[0]
    rank = f"rank {who}" if who else "its process"
    if code < 0:
        name = signal.Signals(-code).name
        how = f"{rank} was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    else:
        how = f"{rank} ended with exit code {code}"
    return StageError(f"{stage.name}, seed {job.seed}: {how}. Run again to resume. Log: {where}")
