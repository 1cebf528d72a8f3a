"""The significance test of the challenge: one-sided Welch on per-seed scores. H1: the new mean is lower than the old one.

    gain = mean(old) - mean(new)            bits per byte
    se^2 = s_new^2 / n_new + s_old^2 / n_old        s: sample standard deviation (ddof 1)
    t    = (gain - margin) / se,   df = se^4 / sum((s^2 / n)^2 / (n - 1))
    p    = P(T_df > t)

The README asks for 0.005 nats at p < 0.01 and does not say nats of what, so both readings are given: nats per token (the
margin in bits per byte is 0.005 / (ln 2 * bytes per token)) and nats per byte (0.005 / ln 2). The board from 28 April on
asks for p < 0.25 at margin 0 (PR 1902, PR 2146). Where a test means nothing there is no p, and a note says why.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verify.stats.student import quantile, tail
from verify.verdict import Comparison

MARGIN_NATS = 0.005
README_P = 0.01  # README: with the margin
BOARD_P = 0.25  # PR 1902, PR 2146: without it
LN_2 = math.log(2.0)
CONFIDENCE = 0.90  # of the two-sided interval; its lower end is a one-sided 95 % bound


@dataclass(frozen=True, slots=True)
class Sample:
    """Scores of one side: how many, their mean and sample standard deviation (None: fewer than two)."""

    n: int
    mean: float
    std: float | None
    values: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[float]) -> "Sample":
        """A sample from its values. Equal values, one value, none or not finite ones: std is None and a note says why."""
        kept = tuple(float(value) for value in values)
        n = len(kept)
        if n == 0:
            return cls(0, math.nan, None, (), ("no value",))
        if not all(map(math.isfinite, kept)):
            return cls(n, math.nan, None, kept, (f"not every value is a number: {', '.join(map(str, kept))}",))
        mean = math.fsum(kept) / n
        if n == 1:
            return cls(1, mean, None, kept, ("one value: its spread is not known",))
        different = len(set(kept))
        if different == 1:
            return cls(n, mean, None, kept, (f"all {n} values are the same ({kept[0]}): not {n} independent runs",))
        std = math.sqrt(math.fsum((value - mean) ** 2 for value in kept) / (n - 1))
        if std <= 1e-12 * abs(mean):
            return cls(n, mean, None, kept, (f"the {n} values differ by rounding alone: not {n} independent runs",))
        notes = (
            ()
            if different == n
            else (f"{n - different + 1} of {n} values are the same: one run counted more than once?",)
        )
        return cls(n, mean, std, kept, notes)

    @classmethod
    def summary(cls, mean: float, std: float | None, n: int) -> "Sample":
        """A sample of which only mean, sample standard deviation (ddof 1) and number are known."""
        if not math.isfinite(mean) or n < 1 or (std is not None and not (math.isfinite(std) and std >= 0)):
            return cls(max(n, 0), math.nan, None, (), (f"mean {mean}, std {std}, n {n}: not a sample",))
        if n == 1 or std is None:
            return cls(n, mean, None, (), ("the spread is not known",))
        if std == 0:
            return cls(n, mean, None, (), ("a standard deviation of 0: not independent runs",))
        return cls(n, mean, std, (), ("from a printed mean and standard deviation, not from single runs",))


@dataclass(frozen=True, slots=True)
class Welch:
    """One test. gain, ci, se in the unit of the samples; p is one-sided, p_two_sided two-sided."""

    gain: float | None
    margin: float
    se: float | None = None
    t: float | None = None
    df: float | None = None
    p: float | None = None
    p_two_sided: float | None = None
    ci: tuple[float, float] | None = None  # of the gain
    notes: tuple[str, ...] = ()


def welch(new: Sample, old: Sample, margin: float = 0.0) -> Welch:
    """Whether `new` is lower than `old` by more than `margin` (same unit). No p where a side has no spread."""
    notes = tuple(f"{side}: {note}" for side, sample in (("new", new), ("old", old)) for note in sample.notes)
    gain = old.mean - new.mean
    if not math.isfinite(gain) or not math.isfinite(margin):
        return Welch(None, margin, notes=notes)
    if new.std is None or old.std is None:
        return Welch(gain, margin, notes=notes)
    a, b = new.std**2 / new.n, old.std**2 / old.n
    se = math.sqrt(a + b)
    # Shares of the variance rather than variances: their squares do not underflow.
    share = a / (a + b) if a + b > 0 else 0.5
    df = 1.0 / (share**2 / (new.n - 1) + (1.0 - share) ** 2 / (old.n - 1))
    if not se > 0.0:
        return Welch(gain, margin, notes=(*notes, "the spread is too small to divide by"))
    t = (gain - margin) / se
    half = quantile((1.0 - CONFIDENCE) / 2.0, df) * se
    return Welch(gain, margin, se, t, df, tail(t, df), 2.0 * tail(abs(t), df), (gain - half, gain + half), notes)


def paired(new: Sequence[float], old: Sequence[float]) -> float | None:
    """One-sided p of the paired t-test on runs of the same seeds. Information only: a seed is not the same noise in other code."""
    differences = Sample.of(b - a for a, b in zip(new, old, strict=True))
    if differences.std is None:
        return None
    return tail(differences.mean / (differences.std / math.sqrt(differences.n)), differences.n - 1)


def margin_bpb(nats: float, bytes_per_token: float | None = None) -> float:
    """A margin in nats per token (per byte without `bytes_per_token`), in bits per byte."""
    return nats / (LN_2 * (1.0 if bytes_per_token is None else bytes_per_token))


def compare_samples(
    new: Sample,
    old: Sample,
    bytes_per_token: float | None,
    against: str,
    against_pr: int | None = None,
    same_seeds: tuple[Sequence[float], Sequence[float]] | None = None,
    margin_nats: float = MARGIN_NATS,
) -> Comparison:
    """Everything there is to say of two samples of val_bpb; `same_seeds` are the pairs of equal seeds, for information."""
    if bytes_per_token is not None and not (math.isfinite(bytes_per_token) and bytes_per_token > 0):
        bytes_per_token = None
    plain = welch(new, old)
    token = welch(new, old, margin_bpb(margin_nats, bytes_per_token)) if bytes_per_token else None
    notes = (
        plain.notes if bytes_per_token else (*plain.notes, "bytes per token are not known: no test in nats per token")
    )
    return Comparison(
        against=against,
        against_pr=against_pr,
        n_new=new.n,
        n_old=old.n,
        mean_new=new.mean if math.isfinite(new.mean) else None,
        mean_old=old.mean if math.isfinite(old.mean) else None,
        std_new=new.std,
        std_old=old.std,
        gain_bpb=plain.gain,
        gain_nats_per_token=None if plain.gain is None or not bytes_per_token else plain.gain * LN_2 * bytes_per_token,
        bytes_per_token=bytes_per_token,
        margin_nats=margin_nats,
        t=plain.t,
        df=plain.df,
        p=plain.p,
        p_two_sided=plain.p_two_sided,
        p_margin_token=token.p if token else None,
        p_margin_byte=welch(new, old, margin_bpb(margin_nats)).p,
        p_paired=paired(*same_seeds) if same_seeds and len(same_seeds[0]) > 1 else None,
        new=tuple(value for value in new.values if math.isfinite(value)),
        old=tuple(value for value in old.values if math.isfinite(value)),
        ci=plain.ci,
        notes=notes,
    )


def compare(
    new: Sequence[float],
    old: Sequence[float],
    bytes_per_token: float | None,
    against: str,
    against_pr: int | None = None,
) -> Comparison:
    """Per-seed val_bpb against per-seed val_bpb. `bytes_per_token` of the new submission; None: no test in nats per token."""
    return compare_samples(Sample.of(new), Sample.of(old), bytes_per_token, against, against_pr)


def meets_readme(comparison: Comparison, per: str = "token") -> bool | None:
    """The written rule: a gain above 0.005 nats per token (or "byte") at p < 0.01. None: cannot be told."""
    p = comparison.p_margin_token if per == "token" else comparison.p_margin_byte
    return None if p is None else p < README_P


def meets_board(comparison: Comparison) -> bool | None:
    """The rule as applied from 28 April 2026 on: lower, at p < 0.25. None: cannot be told."""
    return None if comparison.p is None else comparison.p < BOARD_P
