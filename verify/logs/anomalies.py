"""What is odd in logs, as pure functions over what was read: copies, cut logs, wrong sums, other code, other settings.

None of them judges: each returns what it found, with lines, and a rule decides what that means.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Literal

from verify.logs import grammar
from verify.logs.choice import main_run
from verify.logs.model import Claim, Log, Metric, Point, Run, SeedResult, Source
from verify.logs.runs import COARSE_SECONDS
from verify.logs.scores import decimals_of, equal, last_score

CURVE_POINTS_MIN = 5  # fewer common points prove no copy
LOGS_MAX = 100  # compared with one another
STEP_TIME_TOLERANCE = 0.02  # relative: scripts round, and some average without the first steps
COMPARED = (
    "world_size",
    "iterations",
    "max_wallclock_seconds",
    "parameters",
    "val_tokens",
    "train_shards",
    "gpu",
    "torch_version",
)


@dataclass(frozen=True, slots=True)
class Copy:
    """Two logs of which one repeats the other. by: "bytes" (the files are equal), "run" (seed, curve and scores are),
    "curve" (the training curves are, under different seeds or with other scores)."""

    file: str
    of: str
    by: Literal["bytes", "run", "curve"]
    points: int = 0  # common points of the curves
    seeds: tuple[int | None, int | None] = (None, None)


def copies(logs: Sequence[Log]) -> list[Copy]:
    """Pairs of logs with equal bytes, an equal run, or an equal training curve."""
    found = []
    runs = {log.file: run for log in logs if (run := main_run(log)) is not None}
    for first, second in combinations([log for log in logs if log.file in runs][:LOGS_MAX], 2):
        a, b = runs[first.file], runs[second.file]
        seeds = (a.seed.value if a.seed else None, b.seed.value if b.seed else None)
        common = common_points(a, b)
        if first.sha256 == second.sha256:
            found.append(Copy(second.file, first.file, "bytes", common, seeds))
        elif common >= CURVE_POINTS_MIN:
            same = seeds[0] == seeds[1] and scores_of(a) == scores_of(b)
            found.append(Copy(second.file, first.file, "run" if same else "curve", common, seeds))
    return found


def common_points(a: Run, b: Run) -> int:
    """Points of two curves with the same step and losses, where no point contradicts; 0 where one does."""
    other = {(point.step, point.train_loss is None): point for point in b.curve if point.step > 0}
    common = 0
    for point in a.curve:
        twin = other.get((point.step, point.train_loss is None))
        if twin is None:
            continue
        if (point.train_loss, point.val_loss, point.seconds) != (twin.train_loss, twin.val_loss, twin.seconds):
            return 0
        common += 1
    return common


def scores_of(run: Run) -> list[tuple[str, float | None, float | None]]:
    return [(metric.label, metric.val_loss, metric.val_bpb) for metric in run.metrics]


def cut_runs(logs: Sequence[Log]) -> list[Run]:
    """Runs that the files read stop in: training was under way, and no score and no size of the artifact follow."""
    runs = [run for log in logs if (run := main_run(log)) is not None]
    return [run for run in runs if run.curve and run.kind == "train" and not run.is_complete]


@dataclass(frozen=True, slots=True)
class StepTime:
    """A line where steps times printed milliseconds per step are not the printed time."""

    point: Point
    expected_seconds: float


def step_time_errors(run: Run) -> list[StepTime]:
    """Lines of the curve whose step, mean step time and clock contradict each other."""
    return [
        StepTime(point, point.step * point.ms_per_step / 1000)
        for point in run.curve
        if point.ms_per_step is not None
        and point.seconds is not None
        and point.step > 10
        and abs(point.step * point.ms_per_step / 1000 - point.seconds) > STEP_TIME_TOLERANCE * point.seconds + 0.5
    ]


def clock_falls(run: Run) -> list[Point]:
    """Points whose clock or step is before that of the point before them, in a run that was not resumed."""
    if run.of_kind("resume"):
        return []
    return [
        after
        for before, after in zip(run.curve, run.curve[1:], strict=False)
        if after.step < before.step
        or (
            None not in (after.seconds, before.seconds)
            and (after.seconds or 0) < (before.seconds or 0) - COARSE_SECONDS
        )
    ]


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """A script in a log against one in the folder. Lines are compared without white space at their ends, blank ones left out."""

    source: Source
    path: str
    is_same: bool
    only_logged: tuple[str, ...]
    only_shipped: tuple[str, ...]

    @property
    def lines(self) -> int:
        return len(self.only_logged) + len(self.only_shipped)

    @property
    def is_seed_only(self) -> bool:
        """Whether the scripts differ in nothing but the number of a default seed."""
        pairs = list(zip(self.only_logged, self.only_shipped, strict=False))
        return (
            bool(pairs)
            and len(self.only_logged) == len(self.only_shipped)
            and all("seed" in a.lower() and re.sub(r"\d+", "0", a) == re.sub(r"\d+", "0", b) for a, b in pairs)
        )


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]


def compare_source(source: Source, shipped: dict[str, str]) -> SourceComparison | None:
    """The nearest of some shipped scripts (path -> text, packed or unpacked) to a script in a log; None where there is none."""
    logged = _lines(source.text)
    best = None
    for path, text in shipped.items():
        lines = _lines(text)
        if lines == logged:
            return SourceComparison(source, path, True, (), ())
        first, second = Counter(logged), Counter(lines)
        found = SourceComparison(
            source, path, False, tuple((first - second).elements()), tuple((second - first).elements())
        )  # fmt: skip
        if best is None or found.lines < best.lines:
            best = found
    return best


def source_bytes(source: Source) -> int:
    """Bytes of a logged script as a file that ends with one line feed; one less where the file ended without it."""
    return len(source.text.encode("utf-8", "surrogatepass"))


def source_of(log: Log, run: Run) -> Source | None:
    """The script that a run printed: the last before its first score or step."""
    until = run.curve[0].line if run.curve else run.last_line
    after = max((other.last_line for other in log.runs if other.index < run.index), default=0)
    found = [source for source in log.sources if after < source.first_line <= until]
    return found[-1] if found else None


def seeds_in_conflict(results: Sequence[SeedResult]) -> list[SeedResult]:
    """Runs whose log says another seed than the file's name."""
    return [
        result
        for result in results
        if result.run.seed is not None
        and result.seed_in_name is not None
        and result.run.seed.value != result.seed_in_name
    ]


def repeated_seeds(results: Sequence[SeedResult]) -> dict[int, list[SeedResult]]:
    """Seeds that more than one of some runs has, by the logs (copies of a file left out)."""
    by: dict[int, list[SeedResult]] = {}
    for result in results:
        if result.run.seed is not None and not result.duplicate_of:
            by.setdefault(result.run.seed.value, []).append(result)
    return {seed: group for seed, group in by.items() if len(group) > 1}


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting that is not the same in all runs: value and line by file. `kind`: "setting" or "fact" (of the run itself)."""

    name: str
    kind: Literal["setting", "fact"]
    values: dict[str, tuple[str, int]]


@cache
def _own() -> tuple[frozenset[str], re.Pattern[str]]:
    data = grammar.load("own_settings")
    return frozenset(data["names"]), re.compile("|".join(data["patterns"]))


def is_own(name: str) -> bool:
    """Whether a setting may differ between runs of one configuration."""
    names, patterns = _own()
    return name in names or bool(patterns.search(name))


def setting_differences(runs: Sequence[Run]) -> list[SettingDifference]:
    """Settings and facts that differ between runs, by name; those that only name a run or its place are left out.

    What a run does not print is not compared.
    """
    found = []
    names = sorted({name for run in runs for name in run.settings if not is_own(name) and name not in COMPARED})
    for name in names:
        values = {run.file: run.settings[name] for run in runs if name in run.settings}
        if len({_normal(of.value) for of in values.values()}) > 1:
            found.append(SettingDifference(name, "setting", {file: (of.value, of.line) for file, of in values.items()}))
    for name in COMPARED:
        facts = {run.file: value for run in runs if (value := getattr(run, name)) is not None}
        if len({value.value for value in facts.values()}) > 1:
            found.append(
                SettingDifference(name, "fact", {file: (str(of.value), of.line) for file, of in facts.items()})
            )
    return found


def _normal(text: str) -> str:
    """A setting's value so that 600 and 600.0, True and 1 are equal."""
    text = text.strip()
    text = {"true": "1", "false": "0"}.get(text.lower(), text)
    try:
        return repr(float(text))
    except ValueError:
        return text


def later_score(result: SeedResult) -> Metric | None:
    """A full evaluation after the claimed line, with another number: the claim is not the last score of its log."""
    if result.metric is None or result.metric_run is None:
        return None
    last = last_score(result.metric_run)
    return last if last is not None and last.line > result.metric.line and not _same(last, result.metric) else None


def _same(a: Metric, b: Metric) -> bool:
    if a.val_bpb is None or b.val_bpb is None:
        return a.val_bpb == b.val_bpb
    return equal(a.val_bpb, b.val_bpb, min(decimals_of(a.val_bpb), decimals_of(b.val_bpb)))


def std_kind(claim: Claim, digits: int | None = None) -> Literal["sample", "population", "neither"] | None:
    """Which standard deviation of the claimed runs is claimed; None where nothing can be compared."""
    if claim.std is None or claim.std_sample is None or claim.std_population is None:
        return None
    digits = digits if digits is not None else max(decimals_of(claim.std), 4)
    if equal(claim.std_sample, claim.std, digits):
        return "sample"
    return "population" if equal(claim.std_population, claim.std, digits) else "neither"


def wall_seconds(run: Run, first_line: int, last_line: int) -> float | None:
    """Seconds by the logger's clock between two lines; None where it printed none."""
    first = [time for line, time in run.unix_seconds.items() if line >= first_line]
    last = [time for line, time in run.unix_seconds.items() if line <= last_line]
    return last[-1] - first[0] if first and last and last[-1] >= first[0] else None
