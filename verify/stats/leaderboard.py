"""The public leaderboard as data (leaderboard.json): rows with per-seed scores and their sources, and the frontier by date.

A row's number of order is its pull request's: records are accepted in the order of opening (README, PR 1902, PR 2146).
"""

import json
import math
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from verify.errors import BadInput
from verify.finding import Model

DATA = "leaderboard.json"
SCHEMA: Literal["pgolf.leaderboard/1"] = "pgolf.leaderboard/1"
URL = "https://github.com/openai/parameter-golf/pull/"


class Seed(Model):
    """One run. val_bpb in bits per byte, val_loss in nats per token; file and line in the row's folder."""

    seed: int | None
    val_bpb: float
    val_loss: float | None = None
    file: str | None = None
    line: int | None = None
    steps: int | None = None
    train_seconds: float | None = None  # by the script's own clock
    eval_seconds: float | None = None  # by the script's own clock
    artifact_bytes: int | None = None  # as logged
    gpus: int | None = None
    gpu: str | None = None


class Stratum(Model):
    """Runs that are not the row's own claim.

    reproduction    the same recipe, run by somebody else
    superseded      an earlier version of the same claim
    other version   another recipe under the same number
    contradicting   a log that does not show what is claimed
    """

    name: str
    relation: Literal["reproduction", "superseded", "other version", "contradicting"]
    source: str
    seeds: tuple[Seed, ...]
    artifact_bytes: int | None = None  # of all its runs, where no single one is known
    hardware: str | None = None  # as said by who ran them

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(seed.val_bpb for seed in self.seeds)


class Reproduction(Model):
    """What came of running it again: its mean, or the one value there is, in bits per byte."""

    outcome: Literal["reproduced", "failed", "questioned"]
    value: float | None = None
    source: str


class Row(Model):
    pr: int | None = None  # None: the organisers' own
    order: int  # pull request number at which it was there
    track: Literal["10min", "non_record"]
    title: str
    author: str | None = None
    created: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")  # UTC
    merged: str | None = None
    board_date: str | None = None  # as the board prints it
    board_score: float  # as the board prints it, rounded, sometimes the best seed
    tokenizer: str | None = None
    bytes_per_token: float | None = None
    folder: str
    commit: str
    listed: str  # where it is on a board
    hardware: str | None = None  # as claimed
    reproduction: Reproduction | None = None
    notes: tuple[str, ...] = ()
    seeds: tuple[Seed, ...] = ()
    strata: tuple[Stratum, ...] = ()

    @property
    def name(self) -> str:
        return f"PR {self.pr}" if self.pr else self.title

    @property
    def url(self) -> str:
        return f"{URL}{self.pr}" if self.pr else "https://github.com/openai/parameter-golf"

    @property
    def scores(self) -> tuple[float, ...]:
        """val_bpb of the claimed runs; empty where no log shows them."""
        return tuple(seed.val_bpb for seed in self.seeds)

    @property
    def mean(self) -> float:
        """Mean val_bpb of the claimed runs, or the board's score where no log shows them."""
        return math.fsum(self.scores) / len(self.seeds) if self.seeds else self.board_score

    @property
    def is_disputed(self) -> bool:
        """Whether the organisers ran it again and did not get its score."""
        return self.reproduction is not None and self.reproduction.outcome == "failed"


class Leaderboard(Model):
    schema_: Literal["pgolf.leaderboard/1"] = Field(SCHEMA, alias="schema")
    about: dict[str, str] = {}
    rows: tuple[Row, ...]

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Leaderboard":
        """The board that comes with verify, or one of the user's own (same schema). Raises BadInput where it is not one."""
        return _shipped() if path is None else _read(Path(path).read_text, str(path))

    def row(self, pr: int) -> Row | None:
        """The row of a pull request; the last where it has several."""
        return next((row for row in reversed(self.rows) if row.pr == pr), None)

    def before(self, date: str | None = None, before_pr: int | None = None, track: str = "10min") -> list[Row]:
        """The rows of a track that were there, in order: opened on `date` (ISO, a time may follow) or earlier, smaller number."""
        return [
            row
            for row in self.rows
            if row.track == track
            and (date is None or row.created <= date)
            and (before_pr is None or row.order < before_pr)
        ]  # fmt: skip

    def frontier(
        self,
        date: str | None = None,
        before_pr: int | None = None,
        *,
        track: str = "10min",
        without_disputed: bool = False,
    ) -> Row | None:
        """The best row that was there (by mean of its runs). None: there was none.

        A submission without a number should be looked up by date, and `itself` ruled out first.
        """
        rows = [row for row in self.before(date, before_pr, track) if not (without_disputed and row.is_disputed)]
        return min(rows, key=lambda row: (row.mean, row.order), default=None)

    def chain(self, date: str | None = None, *, track: str = "10min", without_disputed: bool = False) -> list[Row]:
        """The rows that were the best when they came, in order: every one is better than the one before it."""
        found: list[Row] = []
        for row in self.before(date, track=track):
            if not (without_disputed and row.is_disputed) and (not found or row.mean < found[-1].mean):
                found.append(row)
        return found

    def itself(self, scores: Iterable[float], track: str = "10min") -> Row | None:
        """The row whose claimed runs have exactly these scores: the submission is that row, or a copy of it."""
        wanted = sorted(scores)
        rows = (row for row in self.rows if row.track == track)
        return next((row for row in rows if wanted and sorted(row.scores) == wanted), None)


def _read(read_text, name: str) -> Leaderboard:
    try:
        return Leaderboard.model_validate(json.loads(read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"leaderboard {name}: {error.strerror}. Give a JSON file like verify/stats/{DATA}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"leaderboard {name}: not JSON: {error}. Give a JSON file like verify/stats/{DATA}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "top level"
        raise BadInput(f"leaderboard {name}: {where}: {first['msg']}. Compare verify/stats/{DATA}.") from None


@cache
def _shipped() -> Leaderboard:
    return _read((files("verify.stats") / DATA).read_text, DATA)
