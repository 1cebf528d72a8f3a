"""What `pgolf run` and `pgolf record` do, from the recipe's path to the last line printed."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from rich.console import Console

from pgolf.core.errors import InputError
from pgolf.harness import bundle, judge, machine
from pgolf.harness.dataset.demo import ensure_demo
from pgolf.harness.dataset.layout import is_caseops
from pgolf.harness.resolve import digest, resolve
from pgolf.harness.run import Run, opened, run_seed
from pgolf.harness.stage import STAGES, command
from pgolf.harness.watch import Watcher


class Driver:
    """One recipe from start to end. As a context it holds the lock on the recipe's run folder."""

    def __init__(
        self,
        recipe: Path,
        settings: tuple[str, ...],
        scale: str | None,
        data_dir: Path,
        runs_dir: Path,
        seeds: tuple[int, ...],
        fresh: bool,
        dry_run: bool,
    ):
        self.recipe = resolve(recipe, settings, scale)
        self.seeds = self.chosen(seeds)
        self.data_dir, self.runs_dir = data_dir, runs_dir
        self.fresh, self.dry_run = fresh, dry_run
        self.console = Console(soft_wrap=True)
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def chosen(self, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if unknown := [seed for seed in seeds if seed not in self.recipe.seeds]:
            raise InputError(
                f"--seed {unknown[0]}: not a seed of the recipe; allowed: {', '.join(map(str, self.recipe.seeds))}."
            )
        return seeds or self.recipe.seeds

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def run(self) -> list[dict[str, Any]]:
        """All stages of all seeds; their run records (none in a dry run)."""
        recipe = self.recipe
        if self.dry_run:
            self.show_plan()
            return []
        if recipe.data.variant.startswith("demo"):
            made = ensure_demo(self.data_dir, recipe.model.vocab_size, is_caseops(recipe.data.variant))
            self.say(f"data {made.variant}: {made.tokens_train:,} training tokens, digest {made.digest[:16]}")
        gpus, wanted = len(machine.gpus()), recipe.hardware.world_size
        if gpus and wanted > gpus:
            raise InputError(
                f"hardware.world_size is {wanted}, this machine has {gpus} GPUs. The same tokens in the same steps on fewer: "
                f"--set hardware.world_size={max(n for n in range(1, gpus + 1) if recipe.hardware.logical_ranks % n == 0)}"
            )
        self.opened: Run = self.stack.enter_context(
            opened(recipe, self.runs_dir, self.data_dir, self.seeds if self.fresh else ())
        )
        self.say(
            f"recipe {recipe.name}: digest {digest(recipe)[:16]}, script {self.opened.script.stat().st_size:,} bytes"
        )
        watcher = Watcher(self.console, recipe)
        runs = [run_seed(self.opened, seed, watcher) for seed in self.seeds]
        self.report(runs)
        return runs

    def show_plan(self) -> None:
        recipe = self.recipe
        self.say(f"recipe {recipe.name}, digest {digest(recipe)}")
        self.say(
            f"script {self.runs_dir / recipe.name / 'train_gpt.py'}: {len(bundle.packed(recipe).encode()):,} bytes"
        )
        self.say(f"machine {machine.hardware_name(machine.facts())}; hardware.world_size {recipe.hardware.world_size}")
        for seed in self.seeds:
            for stage in STAGES:
                folder = self.runs_dir / recipe.name / str(seed) / stage.folder
                line = " ".join(["python", *command(Path("train_gpt.py"), stage, recipe.hardware.world_size)[1:]])
                state = "done  " if folder.is_dir() else "would "
                self.say(f"{state} {folder}: SEED={seed} {line}   (sees {stage.sees or 'no data'})")

    def report(self, runs: list[dict[str, Any]]) -> None:
        self.references = self.opened.references()
        scores = [run["scores"]["final"]["val_bpb"] for run in runs]
        mean = sum(scores) / len(scores)
        uniform, unigram = self.references["uniform_bpb"], self.references["unigram_bpb"]
        self.say(f"val_bpb {mean:.5f} mean of {len(runs)} seeds   (uniform {uniform:.5f}, unigram {unigram:.5f})")
        for run in runs:
            for fault in judge.faults(run, self.recipe):
                self.say(f"seed {run['seed']}: {fault}")

    def record(self, runs: list[dict[str, Any]], records_dir: Path, date: str | None) -> None:
        """Judge the runs, prove the artifacts once more, write the folder."""
        from pgolf.harness import record  # plots and torch: not before they are needed

        folder = record.write(self.opened, runs, self.references, records_dir, date, self.say)
        self.say(f"record {folder}")
