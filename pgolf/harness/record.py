"""The record folder: records/<track>/<date>_<name>/, the challenge's submission. All numbers come from run records.

Refused when a seed is missing, over a budget, over the byte limit, when seeds ran different things, or when an artifact
does not give its recorded score in a fresh process that has only script, artifact and validation data. The last word has
the audit: see audited.py.
"""

import datetime
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2

from pgolf.core.errors import ArtifactError, BudgetError, InputError
from pgolf.harness import atomic, audited, bundle, events, judge, machine, plots, stage
from pgolf.harness.resolve import as_json
from pgolf.harness.run import RECIPE, SCRIPT, Run
from pgolf.harness.run_record import one

BPB_TOLERANCE = 1e-6  # kernels may differ in rounding between two processes; a wrong artifact differs by far more
RECORD_SEEDS_MIN = 3
COMPRESSORS = {"pgolf.codec.zstd": "zstandard", "pgolf.codec.constriction": "constriction"}
LOG_ORDER = ("train", "quantize", "package", "diagnose", "evaluate")
TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("pgolf.harness"), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    keep_trailing_newline=True,
)  # fmt: skip


def write(
    run: Run,
    runs: list[dict[str, Any]],
    references: dict[str, float],
    records_dir: Path,
    date: str | None,
    say: Callable[[str], None],
) -> Path:
    """The path of the finished folder. Raises BudgetError, InputError or ArtifactError with every reason to refuse."""
    recipe = run.recipe
    day = checked_date(date, runs)
    folder = records_dir / recipe.track / f"{day}_{recipe.name}"
    refuse(run, runs)
    if folder.exists():
        if made_of(folder, runs):
            return folder
        raise InputError(f"{folder}: holds another record. Move it away, or give --date or --set name=NAME.")
    proofs = {r["seed"]: proven(run, r, say) for r in runs}
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fill(draft, run, runs, references, day, proofs)
        verdict = audited.judged(draft, folder.name, recipe.track)
        why = " Demo data make no submission." if recipe.data.variant.startswith("demo") else ""
        say(f"verdict {verdict.status.upper()}: {verdict.headline}{why}")
        draft.chmod(0o755)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def checked_date(date: str | None, runs: list[dict[str, Any]]) -> str:
    """The day given, or the day (UTC) on which the last stage of the runs began."""
    if date is None:
        last = max(one["started"] for run in runs for one in run["stages"].values())
        return datetime.datetime.fromtimestamp(last, datetime.UTC).date().isoformat()
    try:
        return datetime.date.fromisoformat(date).isoformat()
    except ValueError:
        raise InputError(f"--date {date}: allowed: YYYY-MM-DD, for example 2026-04-30.") from None


def refuse(run: Run, runs: list[dict[str, Any]]) -> None:
    """Raise with one line for each reason why these runs are no record."""
    if missing := judge.missing_seeds(runs, run.recipe):
        raise InputError(
            f"no record: seeds {', '.join(map(str, missing))} of the recipe have not been run. Run without --seed."
        )
    if run.recipe.track == "track_10min_16mb" and len(runs) < RECORD_SEEDS_MIN:
        raise InputError(
            f"no record: {len(runs)} seeds; {run.recipe.track} needs {RECORD_SEEDS_MIN}. Add seeds to the recipe."
        )
    reasons = [f"no record: seed {r['seed']}: {fault}" for r in runs for fault in judge.faults(r, run.recipe)]
    reasons += [f"no record: the seeds differ in {what}; run them again with --fresh." for what in judge.mixed(runs)]
    if reasons:
        raise BudgetError("\n".join(reasons))


def made_of(folder: Path, runs: list[dict[str, Any]]) -> bool:
    """Whether the folder was written from just these runs."""
    try:
        return all(atomic.read_json(folder / f"run_seed{r['seed']}.json")["scores"] == r["scores"] for r in runs)
    except (OSError, ValueError, KeyError):
        return False


def proven(run: Run, record: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Evaluate a seed's artifact again in a fresh process: what came out, or ArtifactError."""
    seed, final = record["seed"], record["scores"]["final"]
    evaluate = next(s for s in stage.STAGES if s.name == "evaluate")
    with tempfile.TemporaryDirectory(prefix=f".proof_{seed}.", dir=run.folder) as place:
        job = replace(run.job(seed), folder=Path(place))
        (job.folder / stage.GIVEN_BY["model.bin"]).mkdir()
        shutil.copyfile(
            run.seed_folder(seed) / stage.GIVEN_BY["model.bin"] / "model.bin", job.folder / "3_package" / "model.bin"
        )
        stage.run(job, evaluate, lambda event: None)
        said = events.read(job.folder / evaluate.folder / "events.jsonl")
    again, ledger = one(said, events.Score), one(said, events.Ledger)
    if abs(again.val_bpb - final["val_bpb"]) > BPB_TOLERANCE or again.tokens != final["tokens"]:
        raise ArtifactError(
            f"no record: seed {seed}: the artifact gives {again.val_bpb:.8f} bpb over {again.tokens:,} tokens in a fresh "
            f"process, the run recorded {final['val_bpb']:.8f} over {final['tokens']:,}. Run it again with --seed {seed} --fresh."
        )
    same = ledger.sha256 == final["ledger_sha256"]
    say(f"seed {seed}: a fresh process gives {again.val_bpb:.8f} bpb, " + ("bit for bit" if same else "to rounding"))
    return {"val_bpb": again.val_bpb, "bit_identical": same}


def fill(
    folder: Path,
    run: Run,
    runs: list[dict[str, Any]],
    references: dict[str, float],
    day: str,
    proofs: dict[int, dict[str, Any]],
) -> None:
    shutil.copyfile(run.script, folder / SCRIPT)
    atomic.write_text(folder / RECIPE, as_json(run.recipe))
    atomic.write_text(folder / "requirements.txt", requirements(run))
    for r in runs:
        atomic.write_json(folder / f"run_seed{r['seed']}.json", r | {"fresh_process": proofs[r["seed"]]})
        atomic.write_text(folder / f"train_seed{r['seed']}.log", log(run.seed_folder(r["seed"])))
    facts = summary(run, runs, references, day)
    atomic.write_json(folder / "submission.json", submission(run, runs, facts))
    plots.training_loss(runs, folder / "training_loss.png")
    plots.where_bytes_go(run.recipe, runs[0], folder / "bytes.png")
    text = TEMPLATES.get_template("record.md.j2").render(recipe=run.recipe, runs=runs, proofs=proofs, **facts)
    atomic.write_text(folder / "README.md", text)


def log(folder: Path) -> str:
    """The log of a seed: its stages in order, the score last."""
    by_name = {s.name: s.folder for s in stage.STAGES}
    return "".join((folder / by_name[name] / "log.txt").read_text(errors="replace") for name in LOG_ORDER)


def requirements(run: Run) -> str:
    """What the script imports beyond the standard library, at the versions of this run."""
    lines = []
    used = [package for module, package in COMPRESSORS.items() if module in bundle.modules(run.recipe)]
    for name in ("torch", "numpy", "sentencepiece", "brotli", *used, "flash_attn_3"):
        try:
            lines.append(f"{name}=={version(name).split('+')[0]}\n")
        except PackageNotFoundError:
            continue
    return "".join(lines)


def spread(values: list[float]) -> float | None:
    """Sample standard deviation; unknown for one value."""
    return statistics.stdev(values) if len(values) > 1 else None


def summary(run: Run, runs: list[dict[str, Any]], references: dict[str, float], day: str) -> dict[str, Any]:
    """Means and deviations over seeds, and what is the same for all of them."""
    bpb = [r["scores"]["final"]["val_bpb"] for r in runs]
    nats = [r["scores"]["final"]["val_loss"] for r in runs]
    return {
        "day": day,
        "mean_bpb": statistics.fmean(bpb),
        "std_bpb": spread(bpb),
        "mean_nats": statistics.fmean(nats),
        "std_nats": spread(nats),
        "max_bytes": max(r["bytes"]["total"] for r in runs),
        "references": references,
        "hardware": machine.hardware_name(runs[0]["machine"]),
        "machine": runs[0]["machine"],
        "modules": list(bundle.modules(run.recipe)),
    }


def submission(run: Run, runs: list[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """submission.json with the fields that public readers use."""
    recipe = run.recipe
    return {
        "author": recipe.author.name,
        "github_id": recipe.author.github_id,
        "name": recipe.title,
        "blurb": f"{recipe.title}. Recipe {recipe.name}, {len(runs)} seeds, run and packaged by pgolf.",
        "date": facts["day"],
        "track": recipe.track.removeprefix("track_"),
        "val_loss": facts["mean_nats"],
        "val_bpb": facts["mean_bpb"],
        "val_loss_std": facts["std_nats"],
        "val_bpb_std": facts["std_bpb"],
        "seeds": [r["seed"] for r in runs],
        "seed_results": {
            str(r["seed"]): {
                "val_loss": r["scores"]["final"]["val_loss"],
                "val_bpb": r["scores"]["final"]["val_bpb"],
                "artifact_bytes": r["bytes"]["total"],
                "model_bytes": r["bytes"]["model"],
                "code_bytes": r["bytes"]["code"],
                "steps": r["train"]["steps"],
                "train_time_seconds": r["train"]["seconds"],
                "calibration_time_seconds": r["calibration"]["seconds"],
                "eval_time_seconds": r["scores"]["final"]["seconds"],
            }
            for r in runs
        },
        "bytes_total": facts["max_bytes"],
        "bytes_code": runs[0]["bytes"]["code"],
        "hardware": facts["hardware"],
        "pytorch_version": facts["machine"]["packages"]["torch"],
    }
