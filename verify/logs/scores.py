"""Which of a run's scores are meant: those that equal a number at its own precision, and the one to take without a number."""

import re
from collections.abc import Iterable
from math import isfinite

from verify.logs.model import Metric, Run
from verify.logs.runs import is_diagnostic

_DECIMALS = re.compile(r"\d\.(\d+)")
DIGITS_MIN = 3  # fewer decimals say nothing about which score is meant
DIGITS_MAX = 12
SCORES_MAX = 300  # of a run, from its end, that are compared with one another
ROUNDING = 1e-12  # of binary fractions


def equal(value: float | None, claimed: float | None, digits: int | None, units: float = 0.5) -> bool:
    """Whether a value rounds to what is claimed, at the claim's decimals; `units` of the last of them may be between."""
    if value is None or claimed is None or not isfinite(value) or not isfinite(claimed):
        return False
    decimals = min(DIGITS_MAX, digits if digits is not None else decimals_of(claimed))
    return abs(value - claimed) <= units * 10.0**-decimals + ROUNDING


def decimals_of(number: float) -> int:
    """Decimals of a number as it is written shortest."""
    return len(f"{number:.{DIGITS_MAX}f}".rstrip("0").partition(".")[2])


def printed_decimals(metric: Metric) -> int:
    """Decimals that val_bpb is printed with in its line."""
    if metric.val_bpb is None:
        return 0
    same = [match[1] for match in _DECIMALS.finditer(metric.text) if _is(match, metric.text, metric.val_bpb)]
    return max(map(len, same), default=0)


def _is(match: re.Match[str], text: str, value: float) -> bool:
    start = match.start()
    while start and text[start - 1].isdigit():
        start -= 1
    return float(text[start : match.end()]) == value


def comparable(metric: Metric, digits: int) -> int:
    """Decimals at which a claim of `digits` is compared with a score: no more than are printed, for full evaluations."""
    return min(digits, max(DIGITS_MIN, printed_decimals(metric) or digits)) if _is_full(metric) else digits


def finite(run: Run) -> list[Metric]:
    """The scores of a run that are numbers."""
    return [metric for metric in run.metrics if metric.val_bpb is not None and isfinite(metric.val_bpb)]


def precise(run: Run) -> list[Metric]:
    """The scores of a run without those that another score gives with more decimals."""
    metrics = finite(run)[-SCORES_MAX:]
    decimals = [printed_decimals(metric) for metric in metrics]
    most = max(decimals, default=0)
    return [
        metric
        for metric, places in zip(metrics, decimals, strict=True)
        if places == most
        or not any(
            more > places
            and (metric.family == "step") == (other.family == "step")
            and equal(other.val_bpb, metric.val_bpb, places)
            for other, more in zip(metrics, decimals, strict=True)
        )
    ]


def last_score(run: Run) -> Metric | None:
    """The last full evaluation that is not a diagnostic; the last validation of training where there is none."""
    metrics = finite(run)
    full = [metric for metric in metrics if _is_full(metric)]
    labelled = [metric for metric in full if metric.label] or full
    if labelled:
        return labelled[-1]
    return next((metric for metric in metrics if metric.family == "step"), metrics[-1] if metrics else None)


def _is_full(metric: Metric) -> bool:
    return metric.family not in ("step", "pre_quant") and not is_diagnostic(metric.label)


def score_equal_to(run: Run, claimed: float, digits: int | None, units: float = 0.5) -> Metric | None:
    """The score of a run that equals a claim: a full evaluation first, with most decimals, the last; of copies the first."""
    digits = digits if digits is not None else decimals_of(claimed)
    found = [metric for metric in precise(run) if equal(metric.val_bpb, claimed, comparable(metric, digits), units)]
    if not found:
        return None
    meant = [metric for metric in found if _is_full(metric) and metric.label] or found
    most = max(map(printed_decimals, meant))
    meant = [metric for metric in meant if printed_decimals(metric) == most]
    return next(metric for metric in meant if metric.val_bpb == meant[-1].val_bpb)


def score_labelled(run: Run, label: str | None) -> Metric | None:
    """The last score of a run under a label, else its last score."""
    found = [metric for metric in finite(run) if metric.label == label]
    return found[-1] if found else last_score(run)


def by_key(runs: Iterable[Run]) -> dict[str, dict[int, Metric]]:
    """Scores of several runs by what they have in common, the label or the family: key -> id of run -> score."""
    keys: dict[str, dict[int, Metric]] = {}
    for run in runs:
        for metric in precise(run):
            for key in (f"label {metric.label}", f"family {metric.family}"):
                known = keys.setdefault(key, {}).get(id(run))
                if known is None or printed_decimals(metric) >= printed_decimals(known):
                    keys[key][id(run)] = metric
    return keys
