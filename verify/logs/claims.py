"""Matches what a submission claims to the runs in its logs: which runs are meant, by which line, and whether the numbers agree.

Numbers decide, names do not: a run is the claimed one because one of its scores equals the claim at the claim's own decimals.
Where no score does, runs of the claimed seeds are taken; where that cannot be told either, nothing is matched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean, pstdev, stdev

from verify.finding import Place
from verify.logs.choice import configuration_key, main_run, other_runs, results_of
from verify.logs.model import Claim, Log, Metric, Role, Run, SeedResult
from verify.logs.scores import (
    DIGITS_MIN,
    by_key,
    comparable,
    decimals_of,
    equal,
    finite,
    last_score,
    score_equal_to,
    score_labelled,
)
from verify.submission.model import SeedClaim, Submission

BPB_MAX = 20.0  # a "bits per byte" above this is something else
NEAR_UNITS = 1.0  # of the claim's last decimal
CLOSE_BPB = 0.0005  # a score this near to the claim is the one that is meant
SAME_SCORE_DECIMALS = 4  # a val_loss field that holds the bits per byte of the README
BEST_OF_MIN = 2


@dataclass
class Pair:
    """A run that is meant, with the score that is meant, which may stand in another log of the same seed."""

    result: SeedResult
    metric: Metric
    run: Run


def claim_of(submission: Submission, logs: Sequence[Log]) -> Claim:
    """What is claimed, the role of every log's run, and the claim computed anew from the logs."""
    claim = _headline(submission)
    claim.results = results_of(logs)
    usable = [result for result in claim.results if not result.duplicate_of and finite(result.run)]
    spare = other_runs(logs, claim.results)
    pairs = _matched_seeds(_seed_claims(submission), [*usable, *spare])
    found = _by_seeds(claim, pairs) or _by_headline(claim, usable, submission)
    found = found or _by_headline(claim, spare, submission)
    found = found or _by_headline(
        claim, usable, submission, NEAR_UNITS
    )  # cut instead of rounded, or a mean of rounded values
    if not found:
        _by_seed_numbers(claim, pairs, usable, submission)
    if claim.matches is False and not _is_certain(claim, submission, logs):
        claim.matches = None
    claim.results += [result for result in spare if result.role == "claimed"]
    _set_roles(claim)
    claim.loss_matches = _loss_matches(claim, submission)
    scores = claim.scores()
    if len(scores) > 1:
        claim.std_sample, claim.std_population = stdev(scores), pstdev(scores)
    return claim


def _is_certain(claim: Claim, submission: Submission, logs: Sequence[Log]) -> bool:
    """Whether the logs show all there is, so that a number that is not in them contradicts them."""
    if claim.value is None or claim.recomputed is None:
        return False
    if abs(claim.value - claim.recomputed) < CLOSE_BPB:
        return True  # near enough to be meant, and not equal
    if submission.metadata.val_bpb is None:
        return False  # a headline of prose may speak of something else
    for log in logs:
        run = main_run(log)
        if log.unknown_scores or (run is None and log.unknown_lines) or (run is not None and not run.is_complete):
            return False
    families = {result.metric.family for result in claim.claimed if result.metric}
    return not families & {"step", "pre_quant"}


def _sane(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) and 0 <= value < BPB_MAX else None


def _headline(submission: Submission) -> Claim:
    """The claimed number: submission.json's, else the README's."""
    metadata, readme = submission.metadata, submission.readme
    claim = Claim(
        val_loss=metadata.val_loss, std=metadata.val_bpb_std if metadata.val_bpb_std is not None else readme.std_bpb
    )
    value, key = _sane(metadata.val_bpb), "val_bpb"
    digits = metadata.val_bpb_digits
    of_readme = min(SAME_SCORE_DECIMALS, readme.headline_digits or SAME_SCORE_DECIMALS)
    if value is None and equal(metadata.val_loss, readme.headline_bpb, of_readme):
        value, key, digits, claim.val_loss = (
            _sane(metadata.val_loss),
            "val_loss",
            None,
            None,
        )  # the field holds the other unit
    if value is not None:
        claim.value, claim.digits = value, digits if digits is not None else decimals_of(value)
        quote = f'"{metadata.keys.get(key, key)}": {value}'
        claim.place = Place(file=metadata.file or "", line=metadata.lines.get(key), quote=quote)
    elif _sane(readme.headline_bpb) is not None:
        claim.value, claim.digits, claim.place = readme.headline_bpb, readme.headline_digits, readme.headline
    return claim


def _seed_claims(submission: Submission) -> list[SeedClaim]:
    """Per-seed scores: of submission.json, else of the README."""
    for rows in (submission.metadata.seed_results, submission.readme.seed_results):
        scored = [row for row in rows if _sane(row.val_bpb) is not None]
        if scored:
            return scored
    return []


def _matched_seeds(claims: Sequence[SeedClaim], results: Sequence[SeedResult]) -> list[tuple[SeedClaim, Pair | None]]:
    """For every per-seed claim the run with that score: of that seed by log or name first, then of any seed."""
    taken: set[int] = set()
    matched: dict[int, Pair] = {}
    for seeds_must_agree in (True, False):
        for index, row in enumerate(claims):
            digits = row.digits if row.digits is not None else decimals_of(row.val_bpb or 0.0)
            if index in matched or digits < DIGITS_MIN:
                continue
            for result in results:
                if id(result) in taken or (seeds_must_agree and row.seed not in (result.seed, result.seed_in_name)):
                    continue
                metric = score_equal_to(result.run, row.val_bpb or 0.0, digits)
                if metric is not None:
                    matched[index] = Pair(result, metric, result.run)
                    taken.add(id(result))
                    break
    return [(row, matched.get(index)) for index, row in enumerate(claims)]


def _by_seeds(claim: Claim, matched: Sequence[tuple[SeedClaim, Pair | None]]) -> bool:
    """Per-seed claims that are all in the logs decide which runs are meant."""
    pairs = [pair for _, pair in matched if pair is not None]
    if not pairs or len(pairs) < len(matched):
        return False
    found = _statistic(claim, [pair.metric for pair in pairs])
    if found is None and claim.value is not None:
        return False
    statistic, chosen, recomputed = found or ("mean" if len(pairs) > 1 else "single", range(len(pairs)), None)
    claim.statistic = statistic
    if claim.value is not None:
        claim.recomputed, claim.matches = recomputed, True
    else:
        claim.recomputed = fmean(pair.metric.val_bpb or 0.0 for pair in pairs)
    _take(claim, [pairs[index] for index in chosen])
    return True


def _statistic(claim: Claim, metrics: Sequence[Metric], units: float = 0.5) -> tuple[str, Sequence[int], float] | None:
    """Which statistic of some scores the claimed number is: its name, the scores in it, its value."""
    if claim.value is None or not metrics:
        return None
    values = [metric.val_bpb or 0.0 for metric in metrics]
    digits = claim.digits if claim.digits is not None else decimals_of(claim.value)
    digits = min(comparable(metric, digits) for metric in metrics)
    order = sorted(range(len(values)), key=lambda index: values[index])
    mean = fmean(values)
    if len(values) > 1 and equal(mean, claim.value, digits, units):
        return "mean", range(len(values)), mean
    for index in order:
        if equal(values[index], claim.value, digits, units):
            alone = len(values) == 1
            return "single" if alone or index != order[0] else "best", [index], values[index]
    for count in range(len(values) - 1, BEST_OF_MIN - 1, -1):
        mean = fmean(values[index] for index in order[:count])
        if equal(mean, claim.value, digits, units):
            return "best_of", sorted(order[:count]), mean
    return None


def _by_headline(claim: Claim, results: Sequence[SeedResult], submission: Submission, units: float = 0.5) -> bool:
    """The claimed number as a statistic of one kind of score over the runs."""
    if claim.value is None or (claim.digits or 0) < DIGITS_MIN:
        return False
    exact = units <= 0.5
    groups = _groups(results, submission)
    for group in groups:  # means first: they are harder to hit by chance
        keys = by_key(result.run for result in group)
        for key in sorted(keys, key=lambda key: key.startswith("family")):
            of = [(result, keys[key][id(result.run)]) for result in group if id(result.run) in keys[key]]
            found = _statistic(claim, [metric for _, metric in of], units) if len(of) > 1 else None
            if found and found[0] == "mean":
                return _take_found(claim, found, of, exact)
    singles = [
        (result, metric)
        for result in results
        if (metric := score_equal_to(result.run, claim.value, claim.digits, units))
    ]
    if singles:
        result, metric = max(singles, key=lambda single: (single[0].run.kind == "train", _is_last(*single)))
        others = by_key(other.run for other in results)[f"family {metric.family}"]
        is_best = all((other.val_bpb or 0.0) >= (metric.val_bpb or 0.0) for other in others.values())
        seeds = {other.seed for other in results}
        name = "best" if is_best and len(others) > 1 and len(seeds) > 1 else "single"
        return _take_found(claim, (name, [0], metric.val_bpb or 0.0), [(result, metric)], exact)
    for group in groups:
        last = [(result, metric) for result in group if (metric := last_score(result.run))]
        found = _statistic(claim, [metric for _, metric in last], units) if len(last) > BEST_OF_MIN else None
        if found and found[0] == "best_of":
            return _take_found(claim, found, last, exact)
    return False


def _loss_matches(claim: Claim, submission: Submission) -> bool | None:
    """Whether the claimed losses are those of the claimed runs; None where none is claimed or logged."""
    logged = {
        result.seed: result.metric.val_loss
        for result in claim.claimed
        if result.metric and result.metric.val_loss is not None
    }
    claimed = {row.seed: row.val_loss for row in submission.metadata.seed_results if row.val_loss is not None}
    both = [(logged[seed], claimed[seed]) for seed in claimed if seed in logged]
    if not both and claim.val_loss is not None and logged and len(logged) == len(claim.claimed):
        both = [(fmean(logged.values()), claim.val_loss)]
    if not both:
        return None
    return all(equal(of_log, value, max(DIGITS_MIN, decimals_of(value))) for of_log, value in both)


def _is_last(result: SeedResult, metric: Metric) -> bool:
    last = last_score(result.run)
    return last is not None and last.val_bpb == metric.val_bpb


def _groups(results: Sequence[SeedResult], submission: Submission) -> list[list[SeedResult]]:
    """Sets of runs that a mean may be of: all, those of the listed seeds, those of one folder, those of one configuration."""
    sets = [list(results)]
    listed: set[int | None] = set(submission.metadata.seeds) or {row.seed for row in submission.readme.seed_results}
    sets.append([result for result in results if result.seed in listed or result.seed_in_name in listed])
    for key in (lambda result: result.run.file.rpartition("/")[0], lambda result: result.run.kind, configuration_key):
        by: dict[object, list[SeedResult]] = {}
        for result in results:
            by.setdefault(key(result), []).append(result)
        sets += by.values()
    unique: list[list[SeedResult]] = []
    for group in sets:
        if len(group) > 1 and all([id(x) for x in group] != [id(x) for x in other] for other in unique):
            unique.append(group)
    return unique


def _take_found(
    claim: Claim, found: tuple[str, Sequence[int], float], of: Sequence[tuple[SeedResult, Metric]], is_equal: bool
) -> bool:
    claim.statistic, chosen, claim.recomputed = found
    claim.matches = is_equal
    _take(claim, [Pair(of[index][0], of[index][1], of[index][0].run) for index in chosen])
    return True


def _by_seed_numbers(
    claim: Claim,
    matched: Sequence[tuple[SeedClaim, Pair | None]],
    results: Sequence[SeedResult],
    submission: Submission,
) -> None:
    """No score equals the claim: the runs of the claimed seeds are what should give it, where every one of them is there."""
    pairs: list[Pair] = []
    free = list(results)
    for row, pair in matched:
        meant = pair or _of_seed(row.seed, free)
        if meant is not None and any(meant.result is of for of in free):
            pairs.append(meant)
            free = [of for of in free if of is not meant.result]
    expected = len(matched)
    if not matched:
        shown = [result for result in results if _shows_the_same_run(result.run, submission)]
        if len(shown) == 1 and (metric := last_score(shown[0].run)):
            pairs, expected = [Pair(shown[0], metric, shown[0].run)], 1
    if not pairs or claim.value is None:
        return
    _take(claim, pairs)
    claim.statistic = "mean" if expected > 1 else "single"
    if len(pairs) == expected:
        claim.recomputed = fmean(pair.metric.val_bpb or 0.0 for pair in pairs)
        claim.matches = equal(claim.recomputed, claim.value, claim.digits)


def _of_seed(seed: int | None, results: Sequence[SeedResult]) -> Pair | None:
    """The run of a seed with its last score, where there is just one."""
    of_seed = [result for result in results if seed is not None and seed in (result.seed, result.seed_in_name)]
    metric = last_score(of_seed[0].run) if len(of_seed) == 1 else None
    return Pair(of_seed[0], metric, of_seed[0].run) if metric else None


def _shows_the_same_run(run: Run, submission: Submission) -> bool:
    """Whether exact numbers of submission.json besides the score are this run's: bytes, or the count of steps."""
    metadata = submission.metadata
    sizes = {size.bytes for size in run.sizes if size.measure in ("total", "model")}
    if metadata.artifact_bytes in sizes or metadata.model_bytes in sizes:
        return True
    by_clock = (
        run.stopped_by_clock is not None and run.stopped_by_clock.value
    )  # a count that was asked for is no fingerprint
    return by_clock and metadata.steps is not None and run.steps is not None and metadata.steps == run.steps.value


def _take(claim: Claim, pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        pair.result.role = "claimed"
        pair.result.metric, pair.result.metric_run = pair.metric, pair.run
    labels = [pair.metric.label for pair in pairs]
    claim.label = max(set(labels), key=labels.count) if labels else None


def _set_roles(claim: Claim) -> None:
    """Evaluations apart from training give their score to the training run of the same seed; the rest is support or apart."""
    claimed = [result for result in claim.results if result.role == "claimed"]
    for result in claimed:
        if result.run.kind != "eval_only":
            continue
        trained = [
            other
            for other in claim.results
            if other.run.kind == "train"
            and other.role == "unclaimed"
            and other.seed is not None
            and other.seed == result.seed
        ]
        if len(trained) == 1:
            other = trained[0]
            other.role, other.metric, other.metric_run = "claimed", result.metric, result.run
            result.role = "eval_only"
    keys = {configuration_key(result) for result in claim.results if result.role == "claimed"}
    for result in claim.results:
        if result.metric is None and not result.duplicate_of:
            result.metric = score_labelled(result.run, claim.label)
            result.metric_run = result.run if result.metric else None
        if result.role == "unclaimed" and claim.value is not None:
            result.role = _other_role(result, claimed, keys)
    originals = {result.run.file: result for result in claim.results}
    for result in claim.results:
        if result.duplicate_of and (original := originals.get(result.duplicate_of)) and original.metric:
            result.metric = score_equal_to(result.run, original.metric.val_bpb or 0.0, None) or last_score(result.run)
            result.metric_run = result.run


def _other_role(result: SeedResult, claimed: Sequence[SeedResult], keys: set[tuple]) -> Role:
    if result.run.kind == "eval_only":
        return "eval_only"
    if not claimed:
        return "support"
    return "support" if configuration_key(result) in keys else "aux"
