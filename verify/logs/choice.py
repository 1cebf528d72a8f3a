"""Which runs of the logs count: one of each file, or one of each seed that a file holds; copies point to one of them."""

from collections.abc import Sequence

from verify.logs.model import Log, Run, SeedResult
from verify.logs.names import seed_in_name
from verify.logs.scores import finite


def results_of(logs: Sequence[Log]) -> list[SeedResult]:
    """The run that counts of every log; files with the same bytes or the same results point to one of them."""
    results = [
        SeedResult(run=run, role="unclaimed", seed=run.seed.value if run.seed else named, seed_in_name=named)
        for log in logs
        for run in counted_runs(log)
        for named in [seed_in_name(log.file)]
    ]
    sha256 = {log.file: log.sha256 for log in logs}
    kept: dict[object, SeedResult] = {}
    # The name that says its seed is the original.
    for result in sorted(results, key=lambda result: (result.seed_in_name is None, result.run.file)):
        keys = [
            key for key in ((sha256[result.run.file], result.run.index), fingerprint(result.run)) if key is not None
        ]
        first = next((kept[key] for key in keys if key in kept), None)
        if first is not None and first.run.file != result.run.file:
            result.duplicate_of, result.role = first.run.file, "duplicate"
        else:
            kept.update(dict.fromkeys(keys, result))
    return results


def other_runs(logs: Sequence[Log], counted: Sequence[SeedResult]) -> list[SeedResult]:
    """Further complete runs of files with several: only where a claim's number is found in one does it count."""
    known = {id(result.run) for result in counted}
    return [
        SeedResult(run=run, role="unclaimed", seed=run.seed.value if run.seed else None)
        for log in logs
        for run in log.runs
        if id(run) not in known and run.is_complete and finite(run)
    ]


def counted_runs(log: Log) -> list[Run]:
    """The runs of a log that count: the one that is read, and where a file holds several seeds, that of each other seed."""
    read = main_run(log)
    if read is None:
        return []
    seeds = {run.seed.value: run for run in log.runs if run.seed and run.is_complete and finite(run)}
    if read.seed is None or len(seeds) < 2:
        return [read]
    others = {id(run) for seed, run in seeds.items() if seed != read.seed.value}
    return [run for run in log.runs if run is read or id(run) in others]


def main_run(log: Log) -> Run | None:
    """The run of a log that is read: the last that came to its end, else the last with a score, else the last."""
    for wanted in (lambda run: run.is_complete and finite(run), finite, lambda run: run.curve):
        found = [run for run in log.runs if wanted(run)]
        if found:
            return found[-1]
    return log.runs[-1] if log.runs else None


def fingerprint(run: Run) -> tuple | None:
    """What two copies of one run have in common, in whatever form they are printed; None where there is too little to tell."""
    curve = tuple((point.step, point.train_loss, point.val_loss) for point in run.curve)
    scores = tuple((metric.label, metric.val_loss, metric.val_bpb) for metric in finite(run))
    if len(curve) < 5 or len(scores) < 2:
        return None
    return (run.seed.value if run.seed else None, curve, scores, run.train_seconds.value if run.train_seconds else None)


def configuration_key(result: SeedResult) -> tuple:
    """What runs of one configuration share at least."""
    run = result.run
    return tuple(of.value if of else None for of in (run.parameters, run.iterations, run.val_tokens))
