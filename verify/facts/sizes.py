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

STUB_BYTES_MAX = 600  # a script so short only opens another one


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


def script_bytes(case: Case) -> tuple[int, list[Place]] | None:
    """The script as it lies in the folder; a stub that opens another script counts with it."""
    main = case.submission.main
    if main is None:
        return None
    if main.bytes <= STUB_BYTES_MAX and case.submission.helpers:
        parts: list[Script] = [main, *case.submission.helpers]
        return sum(part.bytes for part in parts), [file_place(part) for part in parts]
    return main.bytes, [file_place(main)]


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
        shipped = script_bytes(case)
        shown = model or total
        if model_bytes is not None and shipped is not None and shown is not None:
            code_bytes, places_ = shipped
            place = run.place(shown)
            found["shipped"] = Total("shipped", model_bytes + code_bytes, code_bytes, model_bytes, (place, *places_))
            extra = [script for script in case.submission.helpers if script.path not in {p.file for p in places_}]
            if extra:
                more = code_bytes + sum(script.bytes for script in extra)
                places_ = [*places_, *map(file_place, extra)]
                found["helpers"] = Total("helpers", model_bytes + more, more, model_bytes, (place, *places_))
        return found
    return {}


def least_logged(result: SeedResult) -> Size | None:
    """The smallest total that a run prints: a failure has to hold for every line."""
    sizes = [size for run in runs_of(result) for size in logged(run, "total")]
    return min(sizes, key=lambda size: size.bytes, default=None)
