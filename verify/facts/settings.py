"""Settings of several runs held against each other: one configuration for all seeds, or not."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

import yaml

from verify.finding import Place
from verify.logs.model import Run, SeedResult, Value
from verify.policy.model import LOADER

FIELDS = ("parameters", "val_tokens", "train_shards", "iterations", "max_wallclock_seconds")
RESERVE = "training_seconds_left"  # from the line that says what is kept for calibration
PRINTED = frozenset({*FIELDS, RESERVE})  # facts of every run, whatever its script calls them
PATHS = ("tokenizer_path", "datasets_dir", "data_path")
WINDOW_TOKENS = 16_384  # counts of tokens that differ by less are windows of another length


@cache
def rules() -> dict[str, Any]:
    return yaml.load((files("verify.facts") / "settings.yaml").read_text(), Loader=LOADER)


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting with the values that runs have of it. kind: training, evaluation (of another score), data, shards."""

    name: str
    kind: str
    values: tuple[str, ...]
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return f"{self.name} {' / '.join(self.values)}"


def comparable(result: SeedResult) -> dict[str, tuple[Value, Run]]:
    """The settings of a run that can be compared, with the run that prints them. Paths are compared by their last part.

    Settings of the evaluation are those of the run that gives the score, where that is another.
    """
    skipped = {*rules()["per_run"], *rules()["harmless"]}
    run, scored = result.run, result.metric_run or result.run
    values = {name: value for name, value in run.settings.items() if name not in skipped}
    found = {name: (value, run) for name, value in (values | fields_of(run)).items()}
    if scored is not run:
        found |= {name: (value, scored) for name, value in scored.settings.items() if is_of_evaluation(name)}
    return {name: value for name, value in found.items() if name not in skipped or name in PATHS}


def is_of_evaluation(name: str) -> bool:
    beginnings = [start for starts in rules()["of_evaluation"].values() for start in starts]
    return name.startswith(("eval_", *beginnings))


def fields_of(run: Run) -> dict[str, Value]:
    """Settings that a run prints outside its list, in the same shape."""
    found: dict[str, Value] = {}
    for name in FIELDS:
        value = getattr(run, name)
        if value is not None:
            found[name] = value
    for name in PATHS:
        value = run.settings.get(name)
        if value is not None:
            found[name] = Value(PurePosixPath(str(value.value).rstrip("/")).name, value.line, value.text)
    for event in run.events:
        if event.kind == "reserve" and "effective_seconds" in event.fields:
            found[RESERVE] = Value(event.fields["effective_seconds"], event.line, event.text)
    return found


def same(a: object, b: object) -> bool:
    """Whether two printed values mean the same: 1e-3 and 0.001, True and 1."""
    left, right = canonical(a), canonical(b)
    return left == right


def canonical(value: object) -> str | float:
    text = str(value).strip().strip("'\"").lower()
    text = {"true": "1", "false": "0", "none": "", "inf": "inf"}.get(text, text)
    if re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", text):
        return float(text)
    return text


def kind_of(name: str, family: str | None) -> str:
    if name in rules()["data"] or name in PATHS:
        return "shards"
    for of, beginnings in rules()["of_evaluation"].items():
        if of != family and any(name.startswith(start) for start in beginnings):
            return "evaluation"
    return "training"


def differences(results: list[SeedResult]) -> list[Difference]:
    """What differs between the runs of a claim, among the settings that all of them print."""
    if len(results) < 2:
        return []
    tables = [comparable(result) for result in results]
    families = {result.metric.family for result in results if result.metric}
    family = families.pop() if len(families) == 1 else None
    found = []
    for name in tables[0]:
        present = [pair for table in tables if (pair := table.get(name)) is not None]
        if len(present) < len(tables) or all(same(value.value, present[0][0].value) for value, _ in present):
            continue
        if follow_their_seeds([value.value for value, _ in present], [result.seed for result in results]):
            continue
        if name == "val_tokens" and differ_by_a_window([value for value, _ in present]):
            kind = "window"
        else:
            kind = kind_of(name, family)
        shown = tuple(dict.fromkeys(str(value.value)[:40] for value, _ in present))
        found.append(Difference(name, kind, shown, tuple(run.place(value) for value, run in present)))
    return found


def follow_their_seeds(values: list[Any], seeds: list[int | None]) -> bool:
    """Whether the values differ by the seed of each run alone: `s:42`, `outputs/base_seed42/model.pt`."""
    if None in seeds:
        return False
    numbered = zip(values, seeds, strict=True)
    return len({re.sub(rf"(?<![\d.]){seed}(?![\d.]|e[-+\d])", "#", str(value)) for value, seed in numbered}) == 1


def is_derived(difference: Difference) -> bool:
    """Whether every one of three runs or more has its own value: drawn from the seed, rather than set."""
    return len(difference.places) >= 3 and len(difference.values) == len(difference.places)


def differ_by_a_window(values: list[Value]) -> bool:
    numbers = [value.value for value in values]
    return max(numbers) - min(numbers) < WINDOW_TOKENS
