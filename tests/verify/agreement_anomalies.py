"""Which of the anomalies that the corpus lists the log helpers show, by code. What needs files or judgement is not in the table."""

from collections.abc import Callable, Sequence

from verify.logs import anomalies
from verify.logs.choice import main_run
from verify.logs.model import Claim, Log
from verify.submission.model import Submission

CAP_BYTES = 16_000_000
TRAIN_SECONDS = 601.0
Shows = Callable[[Submission, Sequence[Log], Claim], bool]


def inconsistent_sources(submission: Submission, logs: Sequence[Log], claim: Claim) -> bool:
    """One script in several logs that each say another size of it."""
    sizes: dict[str, set[int]] = {}
    for log in logs:
        run = main_run(log)
        source = anomalies.source_of(log, run) if run else None
        codes = (run.sizes_of("code_uncompressed") or run.sizes_of("code")) if run else []
        if source and codes:
            sizes.setdefault(source.text, set()).add(codes[-1].bytes)
    return any(len(found) > 1 for found in sizes.values())


def other_sources(submission: Submission, logs: Sequence[Log], claim: Claim) -> bool:
    """A script in a log, or its printed size, that is none of the shipped ones."""
    shipped = {script.path: script.source for script in submission.scripts}
    shipped |= {f"{script.path} as shipped": script.text for script in submission.scripts}
    sizes = {len(text.encode()) for text in shipped.values()}
    for log in logs:
        run = main_run(log)
        source = anomalies.source_of(log, run) if run else None
        compared = anomalies.compare_source(source, shipped) if source else None
        codes = (run.sizes_of("code_uncompressed") or run.sizes_of("code")) if run else []
        if (compared and not compared.is_same) or (codes and codes[-1].bytes not in sizes):
            return True
    return False


SHOWS: dict[str, Shows] = {
    "dup_log": lambda submission, logs, claim: any(copy.by == "bytes" for copy in anomalies.copies(logs)),
    "same_seed": lambda submission, logs, claim: bool(anomalies.repeated_seeds(claim.results)),
    "seed_mismatch": lambda submission, logs, claim: bool(anomalies.seeds_in_conflict(claim.results)),
    "multi_run_log": lambda submission, logs, claim: any(len(log.runs) > 1 for log in logs),
    "score_not_last_line": lambda submission, logs, claim: any(
        anomalies.later_score(result) for result in claim.claimed
    ),
    "score_from_other_log": lambda submission, logs, claim: any(
        result.metric_run is not None and result.metric_run is not result.run for result in claim.claimed
    ),
    "score_not_in_log": lambda submission, logs, claim: bool(logs) and claim.value is not None and not claim.claimed,
    "config_mismatch": lambda submission, logs, claim: bool(
        anomalies.setting_differences([of.run for of in claim.claimed])
    ),
    "best_seed_not_mean": lambda submission, logs, claim: claim.statistic == "best",
    "single_seed": lambda submission, logs, claim: claim.statistic == "single",
    "population_std": lambda submission, logs, claim: anomalies.std_kind(claim) == "population",
    "wrong_std": lambda submission, logs, claim: anomalies.std_kind(claim) == "neither",
    "mean_of_rounded": lambda submission, logs, claim: claim.matches is False,
    "over_cap": lambda submission, logs, claim: any(
        run.total and run.total.bytes > CAP_BYTES for log in logs for run in log.runs
    ),
    "train_over_600": lambda submission, logs, claim: any(
        run.train_seconds and run.train_seconds.value > TRAIN_SECONDS for log in logs for run in log.runs
    ),
    "log_truncated": lambda submission, logs, claim: any(run.of_kind("resume") for log in logs for run in log.runs),
    "log_source_inconsistent": inconsistent_sources,
    "code_size_mismatch": other_sources,
    "embedded_code_differs": other_sources,
    "wrong_hardware": lambda submission, logs, claim: any(
        (run.world_size and run.world_size.value != 8) or (run.gpu and "H100" not in run.gpu.value)
        for log in logs
        for run in log.runs
    ),
}


def compare(out, record: dict, submission: Submission, logs: Sequence[Log], claim: Claim) -> None:
    """Add to an Agreement: an anomaly that is shown matches, one that is not is unproven."""
    for code in {row["code"] for row in record["anomalies"]} & SHOWS.keys():
        shown = SHOWS[code](submission, logs, claim)
        out.compare(f"anomaly {code}", True if shown else None, True, record["folder"])
