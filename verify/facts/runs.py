"""Which runs a rule looks at, and how a sentence names them."""

from pathlib import PurePosixPath

from verify.finding import Place
from verify.logs.model import Metric, Run, SeedResult
from verify.rule import Case


def judged(case: Case) -> list[SeedResult]:
    """The runs behind the claim; where the log reader could not tell, every training run that is not a copy."""
    if claimed := case.claim.claimed:
        return claimed
    return [result for result in case.claim.results if result.role in ("unclaimed", "support", "rerun")]


def logged_seeds(case: Case) -> list[SeedResult]:
    """The runs behind the claim and the further seeds shown beside it."""
    results = judged(case)
    return results + [other for other in case.claim.results if other.role == "support" and other not in results]


def name(result: SeedResult) -> str:
    """How a sentence names a run: by its seed, else by its file."""
    return f"seed {result.seed}" if result.seed is not None else PurePosixPath(result.run.file).name


def score_place(result: SeedResult, note: str = "") -> Place | None:
    """Where the score of a run stands: perhaps in an eval-only log."""
    if result.metric is None:
        return None
    return (result.metric_run or result.run).place(result.metric, note)


def runs_of(result: SeedResult) -> list[Run]:
    """The run that trained, and the one that holds the score where that is another."""
    if result.metric_run is None or result.metric_run is result.run:
        return [result.run]
    return [result.run, result.metric_run]


def val_tokens(result: SeedResult):
    """The Value of the number of validation tokens beside the score, and the run that says it; (None, None) if not logged."""
    for run in reversed(runs_of(result)):
        if run.val_tokens is not None:
            return run.val_tokens, run
    return None, None


def with_loss(result: SeedResult) -> tuple[Metric | None, Run]:
    """The claimed score line if it has a loss beside the bpb, else the same score printed again with its loss."""
    run = result.metric_run or result.run
    metric = result.metric
    if metric is None or (metric.val_loss is not None and metric.val_bpb is not None):
        return metric, run
    for other in run.metrics:
        if other.val_loss is not None and is_near(other.val_bpb, metric.val_bpb):
            return other, run
    return None, run


def is_near(one: float | None, other: float | None) -> bool:
    """Whether two printed scores are one, with fewer digits."""
    return one is not None and other is not None and abs(one - other) < 1e-4


def other_with_loss(result: SeedResult) -> tuple[Metric | None, Run]:
    """Another final score of the run that has its loss: it says which text is scored, not how the claim is counted."""
    run = result.metric_run or result.run
    found = [metric for metric in run.metrics if metric.val_loss is not None and metric.val_bpb is not None]
    return (found[-1] if found else None), run
