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
from pgolf.harness import atomic, bundle, stage
from pgolf.harness.datafiles import Files
from pgolf.harness.reference import references
from pgolf.harness.resolve import as_json, differences, digest
from pgolf.harness.run_record import run_record
from pgolf.harness.schema.recipe import Recipe
from pgolf.harness.watch import Watcher

SCRIPT = "train_gpt.py"
RECIPE = "recipe.resolved.json"
DATA = "data.json"
REFERENCES = "references.json"


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

    def references(self) -> dict[str, float]:
        """What predictors without training score on the same targets; counted once for a run folder."""
        path = self.folder / REFERENCES
        if not path.is_file():
            recipe = self.recipe
            atomic.write_json(path, references(self.files, recipe.model.vocab_size, recipe.evaluation.score.window))
        return atomic.read_json(path)

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
def opened(recipe: Recipe, runs_dir: Path, data_dir: Path, fresh: tuple[int, ...]) -> Iterator[Run]:
    """The run folder of a recipe, locked; what is there of the seeds in `fresh` is deleted.

    Refuses a folder that another recipe, other data or another version of pgolf has begun.
    """
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
            for old in folder.iterdir():
                if old.is_dir() and (old.name in map(str, fresh) or old.name.startswith(".proof_")):
                    shutil.rmtree(old)
            claim(recipe, folder, files.digests())
            yield Run(recipe, folder, files)
    finally:
        lock.release()


def claim(recipe: Recipe, folder: Path, digests: dict[str, str]) -> None:
    """Write recipe, script and data digests into the folder, or find them there unchanged.

    What the script does not know (seeds, author, title, the byte limit) may change.
    """
    script, resolved = bundle.packed(recipe), as_json(recipe)
    if any(path.is_dir() for path in folder.iterdir()):
        changed = []
        if (folder / RECIPE).is_file():
            before = Recipe.model_validate_json((folder / RECIPE).read_text())
            runs_other = bundle.shipped_recipe(before) != bundle.shipped_recipe(recipe)
            if runs_other or before.hardware != recipe.hardware:
                changed = [f"{name}: {old} -> {new}" for name, old, new in differences(before, recipe)]
        if (folder / DATA).is_file():
            seen = atomic.read_json(folder / DATA)
            names = sorted(name for name in seen.keys() | digests.keys() if seen.get(name) != digests.get(name))
            changed += [f"data file {name}" for name in names]
        if not changed and (not (folder / SCRIPT).is_file() or (folder / SCRIPT).read_text() != script):
            changed = ["the code of pgolf"]
        if changed:
            raise InputError(
                f"{folder} was begun with something else ({'; '.join(changed[:3])}{' ...' if changed[3:] else ''}). "
                "Use --fresh to start over there (its runs are deleted), or --runs-dir for another place."
            )
    else:
        (folder / REFERENCES).unlink(missing_ok=True)
    atomic.write_text(folder / SCRIPT, script)
    atomic.write_json(folder / DATA, digests)
    atomic.write_text(folder / RECIPE, resolved)


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
    script = run.script.read_bytes()
    identity = {
        "recipe": run.recipe.name,
        "recipe_digest": digest(run.recipe),
        "script_sha256": hashlib.sha256(script).hexdigest(),
        "script_bytes": len(script),
        "seed": seed,
        "world_size": run.recipe.hardware.world_size,
    }
    record = run_record(job.folder, identity, atomic.read_json(run.folder / DATA), run.recipe.data.variant)
    atomic.write_json(job.folder / "run.json", record)
    return record


def train_seconds(job: stage.Job) -> float:
    phases = atomic.read_json(job.folder / "1_train" / "stage.json")["phases"]
    return next((p["own_seconds"] for p in phases if p["phase"] == "train"), 0.0)
