"""A queue in numbers: verdicts by status, checks by what they say, and what it cost."""

import math
from collections import Counter
from collections.abc import Sequence

from verify.queue.run import Queue
from verify.queue.work import Row

SCHEMA = "pgolf.queue/1"
SAID = ("fail", "lead", "warn", "unproven")


def summary(queue: Queue, jobs: int, own_bytes: int, duplicates: dict[str, int]) -> dict:
    """Times in milliseconds of this run's verdicts where there are any, else of kept ones. bytes_peak is an upper bound: the
    process that asks, and each worker at its largest, as if at one moment."""
    times = sorted(row.milliseconds for row in queue.fresh or queue.rows)
    return {
        "schema": SCHEMA,
        "folders": jobs,
        "verdicts": len(queue.rows),
        "kept": queue.kept,
        "crashes": len(queue.crashes),
        "hangs": sum(crash.kind == "time limit" for crash in queue.crashes),
        "pull_requests": len({row.pr for row in queue.rows if row.pr}),
        "statuses": dict(Counter(row.status for row in queue.rows)),
        "checks": by_check(queue.rows),
        "rules": by_rule(queue.rows),
        "milliseconds": {
            "median": quantile(times, 0.5),
            "p90": quantile(times, 0.9),
            "p99": quantile(times, 0.99),
            "max": times[-1] if times else None,
        },
        "cpu_milliseconds_median": quantile(sorted(row.cpu_milliseconds for row in queue.fresh or queue.rows), 0.5),
        "minutes": round(queue.minutes, 2),
        "bytes_peak": own_bytes + workers_bytes(queue.fresh),
        "duplicates": duplicates,
    }


def by_check(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Check -> how many submissions it says what of."""
    return table((code, said, row.key) for row in rows for code, said in row.codes.items())


def by_rule(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Rule -> how many submissions; one submission counts once for each thing said."""
    return table((code.partition(".")[0], said, row.key) for row in rows for code, said in row.codes.items())


def table(said) -> dict[str, dict[str, int]]:
    found: dict[str, Counter] = {}
    for name, kind, _ in set(said):
        found.setdefault(name, Counter())[kind] += 1
    return {name: {kind: count[kind] for kind in SAID if count[kind]} for name, count in sorted(found.items())}


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest of some sorted values that `share` of them do not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def workers_bytes(rows: Sequence[Row]) -> int:
    """Sum over processes of what each came to. A worker replaced after a crash counts beside its successor."""
    peaks: dict[int, int] = {}
    for row in rows:
        peaks[row.process] = max(peaks.get(row.process, 0), row.bytes_peak)
    return sum(peaks.values())
