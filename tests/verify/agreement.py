"""Compares what verify reads with a corpus of real folders whose truth is known (PGOLF_CORPUS/truth.json), field by field.

Each value is a match, a mismatch, or unproven (the truth has a value, verify says it does not know). Logs that the corpus
leaves out come from a clone of the challenge (PGOLF_CHALLENGE). Run: python -m tests.verify.agreement [--list]
"""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verify.logs.choice import main_run
from verify.logs.claims import claim_of
from verify.logs.model import Claim, Log, Metric, Run, SeedResult
from verify.logs.read import read_logs
from verify.logs.scores import last_score
from verify.submission.model import Submission
from verify.submission.read import read_submission

REVISION = "4908dc46f21ed3fdd08d2fdca285deb2194b9599"  # the commit that the corpus is of
TRACKS = ("track_10min_16mb", "track_non_record_16mb")
TOLERANCE = {
    "ms_per_step": 0.006,
    "train_time_s": 0.0005,
    "eval_time_s": 0.0006,
    "total_eval_time_s": 0.05,
    "score_from_logs": 5e-9,
}
STATISTICS = (("mean_best", "best_of"), ("mean", "mean"), ("best", "best"), ("single", "single"))
EVIDENCE = re.compile(r"(?P<file>\S.*?):(?P<line>\d+): `(?P<text>.*)` - last score")


@dataclass
class Agreement:
    """Counts by field, and what differs."""

    matches: Counter = field(default_factory=Counter)
    mismatches: Counter = field(default_factory=Counter)
    unproven: Counter = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def compare(self, name: str, found: Any, true: Any, where: str) -> None:
        if true is None:
            return
        if found is None:
            self.unproven[name] += 1
            self.differences.append(f"unproven  {name}: {true!r} ({where})")
        elif same(name, found, true):
            self.matches[name] += 1
        else:
            self.mismatches[name] += 1
            self.differences.append(f"mismatch  {name}: {found!r} is {true!r} ({where})")

    @property
    def total(self) -> int:
        return sum(self.matches.values()) + sum(self.mismatches.values()) + sum(self.unproven.values())

    @property
    def share_right(self) -> float:
        return sum(self.matches.values()) / self.total if self.total else 0.0

    def table(self) -> str:
        names = sorted({*self.matches, *self.mismatches, *self.unproven})
        rows = [f"{'field':34} {'matches':>8} {'mismatch':>8} {'unproven':>8}"]
        rows += [
            f"{name:34} {self.matches[name]:8} {self.mismatches[name]:8} {self.unproven[name]:8}" for name in names
        ]
        counts = [sum(counter.values()) for counter in (self.matches, self.mismatches, self.unproven)]
        rows.append(f"{'all':34} {counts[0]:8} {counts[1]:8} {counts[2]:8}   {100 * self.share_right:.2f} % right")
        return "\n".join(rows)


def same(name: str, found: Any, true: Any) -> bool:
    if isinstance(true, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        return abs(found - true) <= TOLERANCE.get(name, 5e-9 * max(1.0, abs(true)))
    return found == true


def open_submission(record: dict[str, Any], challenge: str) -> Submission:
    from verify.git.tree import tree_at

    return read_submission(tree_at(challenge, REVISION, f"records/{record['track']}/{record['folder']}"))


def compare_folder(out: Agreement, record: dict[str, Any], submission: Submission) -> tuple[list[Log], Claim]:
    logs = read_logs(submission)
    claim = claim_of(submission, logs)
    where = record["folder"]
    compare_metadata(out, record["claimed"], submission, where)
    out.compare("score_from_logs", claim.recomputed, record["score_from_logs"], where)
    out.compare("claim_matches_logs", claim.matches, record["claim_matches_logs"], where)
    kind = record["score_kind"]
    statistic = next((name for prefix, name in STATISTICS if kind.startswith(prefix)), None)
    out.compare("score_kind", claim.statistic, statistic if "no log" not in kind else None, where)
    totals = [result.run.total.bytes for result in claim.claimed or claim.results if result.run.total]
    out.compare(
        "max_artifact_bytes_from_logs", max(totals, default=None), record["max_artifact_bytes_from_logs"], where
    )
    by_file = {log.file: log for log in logs}
    texts = {log.path: log for log in submission.logs}
    results = {result.run.file: result for result in claim.results}
    for seed in record["per_seed"]:
        log = by_file.get(seed["log_file"])
        place = f"{where} {seed['log_file']}"
        if log is None:
            out.compare("log_file", "absent", seed["log_file"] if seed["role"] != "not_a_train_log" else None, place)
            continue
        compare_log(
            out, seed, log, results.get(log.file), place, hashlib.md5(texts[log.file].text.encode()).hexdigest()
        )
    return logs, claim


def compare_metadata(out: Agreement, claimed: dict[str, Any], submission: Submission, where: str) -> None:
    metadata = submission.metadata
    pairs = {
        "source_file": metadata.file, "author": metadata.author, "github_id": metadata.github_id, "name": metadata.name,
        "date": metadata.date, "track": metadata.track, "val_bpb": metadata.val_bpb, "val_loss": metadata.val_loss,
        "val_bpb_std": metadata.val_bpb_std, "val_loss_std": metadata.val_loss_std,
        "artifact_bytes": metadata.artifact_bytes, "artifact_bytes_max": metadata.artifact_bytes_max,
        "artifact_bytes_mean": metadata.artifact_bytes_mean, "code_bytes": metadata.code_bytes, "model_bytes": metadata.model_bytes,
        "steps": metadata.steps, "train_time_s": metadata.train_seconds, "eval_time_s": metadata.eval_seconds,
        "pre_quant_val_bpb": metadata.pre_quant_val_bpb, "pre_quant_val_loss": metadata.pre_quant_val_loss,
        "hardware": metadata.hardware, "torch_version": metadata.torch_version,
    }  # fmt: skip
    for name, value in pairs.items():
        out.compare(f"claimed.{name}", value, claimed.get(name), where)
    if claimed.get("seeds"):
        out.compare(
            "claimed.seeds",
            list(metadata.seeds) or None,
            claimed["seeds"] if isinstance(claimed["seeds"], list) else None,
            where,
        )


def compare_log(
    out: Agreement, true: dict[str, Any], log: Log, result: SeedResult | None, where: str, md5: str
) -> None:
    role = result.role if result else "not_a_train_log"
    if result and result.role == "duplicate":
        role = f"duplicate:{result.duplicate_of}"  # type: ignore[assignment]
    out.compare("role", role, true["role"], where)
    run = main_run(log)
    if run is None:
        out.compare("n_runs_in_file", 0, true["n_runs_in_file"], where)
        return
    metric = (result.metric if result else None) or last_score(run)
    out.compare("n_runs_in_file", len(log.runs), true["n_runs_in_file"], where)
    out.compare("run_index", run.index, true["run_index"], where)
    for name, value in (facts(run, metric, result) | {"md5": None}).items():
        if name != "md5":
            out.compare(name, value, true.get(name), where)
    for name, value in after_training(run).items():
        out.compare(f"post_train.{name}", value, (true.get("post_train_times_s") or {}).get(name), where)


def facts(run: Run, metric: Metric | None, result: SeedResult | None) -> dict[str, Any]:
    def of(name: str) -> Any:
        value = getattr(run, name)
        return value.value if value is not None else None

    def size(measure: str) -> int | None:
        found = run.sizes_of(measure)
        return found[-1].bytes if found else None

    elsewhere = result is not None and result.metric_run is not None and result.metric_run.file != run.file
    step = next((metric for metric in run.metrics if metric.family == "step"), None)
    before = next((one for one in reversed(run.metrics) if one.family == "pre_quant" and "ttt" not in one.label), step)
    of_run = result.metric_run if elsewhere and result else run
    totals = of_run.total_eval_seconds if of_run else None
    return {
        "seed": result.seed if result else of("seed"),
        "seed_in_file_name": result.seed_in_name if result else None,
        "steps": of("steps"),
        "iterations": of("iterations"),
        "train_time_s": of("train_seconds"),
        "ms_per_step": of("ms_per_step"),
        "max_wallclock_s": of("max_wallclock_seconds"),
        "val_loss": metric.val_loss if metric else None,
        "val_bpb": metric.val_bpb if metric else None,
        "metric_line": metric.label if metric else None,
        "metric_line_no": metric.line if metric else None,
        "eval_log_file": result.metric_run.file if elsewhere and result and result.metric_run else None,
        "eval_time_s": metric.eval_seconds if metric else None,
        "total_eval_time_s": totals.value if totals else None,
        "last_step_val_loss": step.val_loss if step else None,
        "last_step_val_bpb": step.val_bpb if step else None,
        "pre_quant_bpb": before.val_bpb if before else None,
        "pre_quant_loss": before.val_loss if before else None,
        "artifact_bytes_total": size("total"),
        "code_bytes": size("code"),
        "code_bytes_uncompressed": size("code_uncompressed"),
        "model_bytes": model_bytes(run),
        "model_params": of("parameters"),
        "torch_version": of("torch_version"),
        "python_version": of("python_version"),
        "world_size": of("world_size"),
        "gpu": of("gpu"),
        "val_tokens": of("val_tokens"),
        "train_shards": of("train_shards"),
    }


def model_bytes(run: Run) -> int | None:
    found = run.sizes_of("model")
    if found:
        return found[-1].bytes
    codes = run.sizes_of("code")
    return run.total.bytes - codes[-1].bytes if run.total and codes else None


def after_training(run: Run) -> dict[str, Any]:
    def seconds(kind: str) -> float | None:
        found = [event.fields.get("seconds", event.fields.get("elapsed_seconds")) for event in run.of_kind(kind)]
        return found[-1] if found else None  # type: ignore[return-value]

    def calibration(stage: str, data: str | None = None) -> float | None:
        found = [
            of.seconds
            for of in run.calibrations
            if of.stage == stage and of.seconds is not None and data in (None, of.data)
        ]
        return found[-1] if found else None

    return {
        "gptq_hessian_s": calibration("collect"),
        "gptq_ar_gen_s": calibration("generate"),
        "gptq_done_s": calibration("done"),
        "ngram_precompute_s": seconds("ngram_precompute"),
        "ttt_compile_warmup_s": seconds("compile_warmup"),
        "wallclock_post_gptq_s": seconds("post_train_clock"),
        "serialize_s": seconds("serialize"),
        "deserialize_s": [event.fields["seconds"] for event in run.of_kind("deserialize")] or None,
    }


def compare_corpus(corpus: str, challenge: str) -> Agreement:
    out = Agreement()
    for record in json.loads((Path(corpus) / "truth.json").read_text()):
        compare_folder(out, record, open_submission(record, challenge))
    return out


def compare_last_scores(benchmark: str, challenge: str) -> Agreement:
    """Every line that the benchmark quotes as the last score of a log: file, line and values as verify takes them."""
    from verify.git.tree import tree_at

    out = Agreement()
    for case in json.loads((Path(benchmark) / "cases.json").read_text()):
        quoted = [match for line in case["evidence"] if (match := EVIDENCE.match(line))]
        if not quoted:
            continue
        submission = read_submission(tree_at(challenge, case["sha"], case["folder"]))
        logs = {log.file: log for log in read_logs(submission)}
        for match in quoted:
            where = f"PR {case['pr']} {case['label']} {match['file']}"
            log = logs.get(match["file"])
            run = main_run(log) if log else None
            metric = last_score(run) if run else None
            value = re.search(r"(?:val_bpb|bpb)[:=] ?([\d.]+)", match["text"])
            out.compare(
                "last score: val_bpb", metric.val_bpb if metric else None, float(value[1]) if value else None, where
            )
            out.compare("last score: line", metric.line if metric else None, int(match["line"]), where)
    return out


def main(arguments: list[str]) -> None:
    corpus, challenge = os.environ.get("PGOLF_CORPUS"), os.environ.get("PGOLF_CHALLENGE")
    benchmark = os.environ.get("PGOLF_BENCHMARK")
    if not challenge or not (corpus or benchmark):
        sys.exit("Set PGOLF_CHALLENGE (a clone of the challenge) and PGOLF_CORPUS or PGOLF_BENCHMARK.")
    found = []
    if corpus:
        found.append(compare_corpus(corpus, challenge))
    if benchmark:
        found.append(compare_last_scores(benchmark, challenge))
    for out in found:
        print(out.table())
        if "--list" in arguments:
            print("\n".join(out.differences))
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
