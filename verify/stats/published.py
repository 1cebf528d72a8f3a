"""The published comparisons (published.yaml), recomputed: from the published values, from the logs, and as they were computed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from verify.stats.leaderboard import Leaderboard
from verify.stats.welch import LN_2, MARGIN_NATS, Sample, margin_bpb, welch

DATA = "published.yaml"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One published comparison. All p one-sided Welch."""

    name: str
    source: str
    stated: str | None  # as published
    p: float  # of the published values, sample standard deviations
    p_logs: float  # of the same runs at the precision of their logs
    p_ddof0: (
        float | None
    )  # of the published values, population standard deviations; None where only a deviation is known
    p_printed: float | None  # of the printed means and standard deviations
    gain_nats_per_token: float  # of the published values
    p_strict: float  # above 0.005 nats per token
    p_strict_logs: float
    n: tuple[int, int]
    expected: dict  # the entry itself

    @property
    def explains(self) -> tuple[str, ...]:
        """Which of the computations round to the stated p."""
        if self.stated is None:
            return ()
        decimals = len(self.stated.partition(".")[2])
        ways = {"logs": self.p_logs, "ddof 1": self.p, "ddof 0": self.p_ddof0, "printed": self.p_printed}
        return tuple(way for way, p in ways.items() if p is not None and f"{p:.{decimals}f}" == self.stated)


def entries() -> list[dict]:
    """The comparisons as they stand in the data file."""
    import yaml

    return yaml.safe_load((files("verify.stats") / DATA).read_text(encoding="utf-8"))["comparisons"]


def sample_of(side: Sequence[float] | dict, ddof: int = 1) -> Sample:
    """A side of a published comparison. `ddof` 0 takes the population standard deviation of the values: to retrace, not to use."""
    if isinstance(side, dict):
        return Sample.summary(**side)
    sample = Sample.of(side)
    if ddof == 1 or sample.std is None:
        return sample
    return Sample.summary(sample.mean, sample.std * math.sqrt((sample.n - 1) / sample.n), sample.n)


def runs(names: Sequence[str], board: Leaderboard) -> Sample:
    """The runs that `logs` names: "1855" the own ones of a row, "1855/okezue" those of a stratum. Equal values count once."""
    values: dict[float, None] = {}
    for name in names:
        pr, _, stratum = name.partition("/")
        row = board.row(int(pr))
        if row is None:
            raise KeyError(f"{DATA}: {name}: no such row")
        scores = next(found.scores for found in row.strata if found.name == stratum) if stratum else row.scores
        values.update(dict.fromkeys(scores))
    return Sample.of(values)


def recompute(entry: dict, board: Leaderboard) -> Recomputed:
    new, old = sample_of(entry["new"]), sample_of(entry["old"])
    new_logs, old_logs = (runs(entry["logs"][side], board) for side in ("new", "old"))
    margin = margin_bpb(MARGIN_NATS, entry["bytes_per_token"])
    printed = entry.get("printed")
    plain = welch(new, old)
    by_deviation = any(isinstance(entry[side], dict) for side in ("new", "old"))
    return Recomputed(
        name=entry["name"],
        source=entry["source"],
        stated=entry.get("stated"),
        p=_number(plain.p),
        p_logs=_number(welch(new_logs, old_logs).p),
        p_ddof0=None if by_deviation else welch(sample_of(entry["new"], 0), sample_of(entry["old"], 0)).p,
        p_printed=welch(sample_of(printed["new"]), sample_of(printed["old"])).p if printed else None,
        gain_nats_per_token=_number(plain.gain) * LN_2 * entry["bytes_per_token"],
        p_strict=_number(welch(new, old, margin).p),
        p_strict_logs=_number(welch(new_logs, old_logs, margin).p),
        n=(new.n, old.n),
        expected=entry,
    )


def table(board: Leaderboard | None = None) -> list[Recomputed]:
    """Every published comparison, recomputed."""
    board = board or Leaderboard.load()
    return [recompute(entry, board) for entry in entries()]


def _number(value: float | None) -> float:
    return math.nan if value is None else value
