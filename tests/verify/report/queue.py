"""A queue made by hand: rows of every status, hostile names among them. The same each time."""

import random

from tests.verify.report.verdicts import HOSTILE
from verify.report.index import QueueRow

RULES = [
    *("artifact-bytes", "train-time", "eval-time", "seeds", "log-consistency", "c3-score-first"),
    *("ngram-hash", "significance", "hardware", "package-files", "val-identity", "bpb-bytes"),
]


def many_rows(count: int) -> list[QueueRow]:
    draw = random.Random(1)
    return [row(number, draw) for number in range(count)]


def row(number: int, draw: random.Random) -> QueueRow:
    status = draw.choice(["fail", "fail", "unproven", "warn", "pass"])
    return QueueRow(
        name=HOSTILE[number // 50 % len(HOSTILE)]
        if number % 50 == 0
        else f"2026-04-{number % 30 + 1:02d}_Example_{number}",
        status=status,
        pr=number or None,
        track=draw.choice(["10min", "non_record", None]),
        date=f"2026-04-{number % 30 + 1:02d}",
        author=f"author {number % 77}",
        claimed_bpb=1 + draw.random() / 5,
        recomputed_bpb=None if number % 7 == 0 else 1.1,
        failing=tuple(draw.sample(RULES, draw.randint(1, 3))) if status == "fail" else (),
        leads=tuple(draw.sample(RULES, draw.randint(0, 2))),
        warnings=tuple(draw.sample(RULES, draw.randint(0, 3))),
        unproven=tuple(draw.sample(RULES, 3)),
        bytes_max=15_900_000 + 100 * number,
        train_seconds=599.1,
        eval_seconds=None if number % 3 else 400.0,
        milliseconds=80.0 + number % 10,
        duplicate_of=f"PR {number - 1}: same logs" if number % 40 == 1 else None,
        page=f"pages/{number}.html",
        verdict=f"verdicts/{number}.json",
    )
