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

FIELDS = ("parameters", "val_tokens", "train_shards", "iterations", "max_wallclock_seconds")
PATHS = ("tokenizer_path", "datasets_dir", "data_path")
WINDOW_TOKENS = 16_384  # counts of tokens that differ by less are windows of another length


@cache
def rules() -> dict[str, Any]:
    return yaml.safe_load((files("verify.facts") / "settings.yaml").read_text())


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting with the values that runs have of it. kind: training, evaluation (of another score), data, shards."""

    name: str
    kind: str
    values: tuple[str, ...]
    places: tuple[Place, ...]

    def __str__(self) -> str:
        return f"{self.name} {' / '.join(self.values)}"


def comparable(run: Run) -> dict[str, Value]:
    """The settings of a run that can be compared, by name. Paths are compared by their last part."""
    skipped = {*rules()["per_run"], *rules()["harmless"]}
    found = {name: value for name, value in run.settings.items() if name not in skipped}
    for name in FIELDS:
        value = getattr(run, name)
        if value is not None:
            found[name] = value
    for name in PATHS:
        value = run.settings.get(name)
        if value is not None:
            found[name] = Value(PurePosixPath(str(value.value).rstrip("/")).name, value.line, value.text)
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
    if name in rules()["data"]:
        return "shards"
    for of, beginnings in rules()["of_evaluation"].items():
        if of != family and any(name.startswith(start) for start in beginnings):
            return "evaluation"
    return "training"


def differences(results: list[SeedResult]) -> list[Difference]:
    """What differs between the runs of a claim, among the settings that all of them print."""
    runs = [result.run for result in results]
    if len(runs) < 2:
        return []
    tables = [comparable(run) for run in runs]
    families = {result.metric.family for result in results if result.metric}
    family = families.pop() if len(families) == 1 else None
    found = []
    for name in tables[0]:
        values = [table.get(name) for table in tables]
        present = [value for value in values if value is not None]
        if len(present) < len(values) or all(same(value.value, present[0].value) for value in present):
            continue
        if name == "val_tokens" and differ_by_a_window(present):
            kind = "window"
        else:
            kind = kind_of(name, family)
        shown = tuple(dict.fromkeys(str(value.value)[:40] for value in present))
        places = tuple(run.place(value) for run, value in zip(runs, present, strict=True))
        found.append(Difference(name, kind, shown, places))
    return found


def differ_by_a_window(values: list[Value]) -> bool:
    numbers = [value.value for value in values]
    return max(numbers) - min(numbers) < WINDOW_TOKENS
