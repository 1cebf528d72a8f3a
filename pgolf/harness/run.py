"""A recipe, all seeds, all stages: runs/<recipe>/<seed>/{1_train, ..., run.json}.

Resuming is nothing special: a stage whose folder has its final name is not run again.
"""

import hashlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pgolf.core.errors import InputError
from pgolf.harness import atomic, bundle, machine, stage
from pgolf.harness.datafiles import Files
from pgolf.harness.resolve import as_json, differences, digest
from pgolf.harness.run_record import run_record
from pgolf.harness.schema.recipe import Recipe
from pgolf.harness.watch import Watcher

SCRIPT = "train_gpt.py"
RECIPE = "recipe.resolved.json"


@dataclass(frozen=True)
class Run:
    """A recipe's run folder, ready: the script that every stage executes is in it."""

    recipe: Recipe
    folder: Path
    files: Files

    @property
    def script(self) -> Path:
        return self.folder / SCRIPT

    def seed_folder(self, seed: int) -> Path:
        return self.folder / str(seed)

    def job(self, seed: int) -> stage.Job:
        return stage.Job(
            folder=self.seed_folder(seed),
            script=self.script,
            seed=seed,
            world_size=self.recipe.hardware.world_size,
            files=self.files,
            kill_over_budget=self.recipe.train.stop.kind == "seconds",
        )


@contextmanager
def opened(recipe: Recipe, runs_dir: Path, data_dir: Path, fresh: bool) -> Iterator[Run]:
    """The run folder of a recipe, locked. Refuses one that another recipe or another version of pgolf has begun."""
    folder = runs_dir / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another pgolf is running there. Wait for it, or use --runs-dir.") from None
    try:
        with interruptible():
            files = Files(recipe, data_dir)
            if fresh:
                for old in folder.iterdir():
                    if old.is_dir():
                        shutil.rmtree(old)
            claim(recipe, folder, fresh)
            yield Run(recipe, folder, files)
    finally:
        lock.release()


def claim(recipe: Recipe, folder: Path, fresh: bool) -> None:
    """Write the recipe and its script into the folder, or find them there unchanged."""
    script, resolved = bundle.packed(recipe), as_json(recipe)
    begun = folder / RECIPE
    if begun.is_file() and not fresh and any(path.is_dir() for path in folder.iterdir()):
        before = Recipe.model_validate_json(begun.read_text())
        changed = [
            f"{name}: {old} -> {new}" for name, old, new in differences(before, recipe) if not name.startswith("seeds")
        ]
        if (folder / SCRIPT).read_text() != script and not changed:
            changed = ["the code of pgolf"]
        if changed:
            raise InputError(
                f"{folder} was begun with something else ({'; '.join(changed[:3])}{' ...' if changed[3:] else ''}). "
                "Use --fresh to start over there (its runs are deleted), or --runs-dir for another place."
            )
    else:
        atomic.write_text(folder / SCRIPT, script)
    atomic.write_text(begun, resolved)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does: stop the stage, leave nothing half-written."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_seed(run: Run, seed: int, watcher: Watcher) -> dict[str, Any]:
    """Run what is left to run of a seed; its run record, also written as run.json."""
    job = run.job(seed)
    spent = 0.0
    for one in stage.STAGES:
        with watcher.stage(seed, one.name, done=(job.folder / one.folder).is_dir()) as watch:
            stage.run(job, one, watch, spent_seconds=spent if one.name == "quantize" else 0.0)
        if one.name == "train":
            spent = train_seconds(job)
    path = job.folder / "run.json"
    if not path.is_file():
        script = run.script.read_bytes()
        identity = {
            "recipe": run.recipe.name,
            "recipe_digest": digest(run.recipe),
            "script_sha256": hashlib.sha256(script).hexdigest(),
            "script_bytes": len(script),
            "seed": seed,
            "world_size": run.recipe.hardware.world_size,
        }
        record = run_record(job.folder, identity, machine.facts(), run.files.digests(), run.recipe.data.variant)
        atomic.write_json(path, record)
    return atomic.read_json(path)


def train_seconds(job: stage.Job) -> float:
    phases = atomic.read_json(job.folder / "1_train" / "stage.json")["phases"]
    return next((p["own_seconds"] for p in phases if p["phase"] == "train"), 0.0)
