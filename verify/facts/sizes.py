"""Bytes of an artifact by each measure in use: as logged, with the script as it lies in the folder, with its helpers.

The README counts code and compressed model. Until 1 April records logged the plain script; from PR 1530 on they log the size
of a wrapper (minified, compressed) and ship the plain one; others ship the wrapper and log the plain one.
"""

from dataclasses import dataclass

from verify.facts.runs import runs_of
from verify.finding import Place
from verify.logs.model import Run, SeedResult, Size
from verify.rule import Case
from verify.submission.model import Script

COUNTED = "train_gpt.py"  # README: all counted code lives there


@dataclass(frozen=True, slots=True)
class Total:
    """One measure of one run. `places` show its parts."""

    measure: str
    total_bytes: int
    code_bytes: int | None
    model_bytes: int | None
    places: tuple[Place, ...]


def logged(run: Run, measure: str) -> list[Size]:
    return [size for size in run.sizes if size.measure == measure]


def chosen(sizes: list[Size], claimed: int | None) -> Size | None:
    """The line that is claimed where it is among several, else the last: starters print the unused form first."""
    return next((size for size in sizes if size.bytes == claimed), sizes[-1] if sizes else None)


def claimed_bytes(case: Case, result: SeedResult) -> int | None:
    """What submission.json or the README say of this run's artifact."""
    for claims in (case.submission.metadata.seed_results, case.submission.readme.seed_results):
        for claim in claims:
            if claim.seed is not None and claim.seed == result.seed and claim.artifact_bytes is not None:
                return claim.artifact_bytes
    return case.submission.metadata.artifact_bytes


def counted_script(case: Case) -> Script | None:
    """The script whose bytes count: train_gpt.py, which may only open the one that runs; else the one that runs."""
    named = next((script for script in case.submission.scripts if script.path == COUNTED), None)
    return named or case.submission.main


def uncounted(case: Case) -> list[Script]:
    """Sources that run beside the counted script."""
    counted, main = counted_script(case), case.submission.main
    found = {script.path: script for script in ([main] if main else []) + list(case.submission.helpers)}
    return [script for path, script in found.items() if counted is None or path != counted.path]


def file_place(script: Script, note: str = "") -> Place:
    return Place(file=script.path, note=note or f"{script.bytes:,} bytes")


def totals(case: Case, result: SeedResult) -> dict[str, Total]:
    """The measures that can be told of one run: logged, shipped, helpers."""
    said = claimed_bytes(case, result)
    for run in reversed(runs_of(result)):
        total, model, code = (chosen(logged(run, name), said) for name in ("total", "model", "code"))
        if total is None and model is None:
            continue
        found: dict[str, Total] = {}
        model_bytes = model.bytes if model else None
        if model_bytes is None and total and code:
            model_bytes = total.bytes - code.bytes
        if total:
            places = tuple(run.place(size) for size in (total, model, code) if size)
            found["logged"] = Total("logged", total.bytes, code.bytes if code else None, model_bytes, places)
        elif model and code:
            places = (run.place(model), run.place(code))
            found["logged"] = Total("logged", model.bytes + code.bytes, code.bytes, model.bytes, places)
        script = counted_script(case)
        shown = model or total
        if model_bytes is not None and script is not None and shown is not None:
            places = (run.place(shown), file_place(script))
            found["shipped"] = Total("shipped", model_bytes + script.bytes, script.bytes, model_bytes, places)
            if extra := uncounted(case):
                code_bytes = script.bytes + sum(other.bytes for other in extra)
                places = (*places, *map(file_place, extra))
                found["helpers"] = Total("helpers", model_bytes + code_bytes, code_bytes, model_bytes, places)
        return found
    return {}


def least_logged(result: SeedResult) -> Size | None:
    """The smallest total that a run prints: a failure has to hold for every line."""
    sizes = [size for run in runs_of(result) for size in logged(run, "total")]
    return min(sizes, key=lambda size: size.bytes, default=None)
