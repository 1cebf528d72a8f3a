"""One job in a process of its own: judge, write the verdict, hand back one row. Limits are those of the operating system."""

import faulthandler
import gc
import os
import re
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from verify.finding import Status
from verify.policy.model import Policy, load
from verify.queue.features import Features, features
from verify.queue.jobs import Job
from verify.report.index import QueueRow, queue_row
from verify.verdict import Verdict

RULES_SHOWN = (Status.FAIL, Status.WARN, Status.UNPROVEN)


@dataclass
class Row:
    """A verdict in one line: what the summary, the index and the search for duplicates need, and no more."""

    key: str
    name: str
    location: str
    pr: int | None
    sha: str | None
    date: str | None
    status: str
    milliseconds: float
    cpu_milliseconds: float
    bytes_peak: int  # resident memory of the process so far
    process: int
    verdict: str  # path below the output folder
    page: str | None = None
    policy: str = ""
    codes: dict[str, str] = field(default_factory=dict)  # check -> fail, lead, warn, unproven
    features: dict = field(default_factory=dict)
    index: dict = field(default_factory=dict)  # the fields of report.index.QueueRow


def prepare(bytes_max: int) -> None:
    """Set up a worker: a limit on its address space, nothing typed, and a repository handle of its own."""
    if bytes_max:
        resource.setrlimit(resource.RLIMIT_AS, (bytes_max, bytes_max))
    sys.stdin = open(os.devnull)  # noqa: SIM115
    from verify.git.tree import repository

    repository.cache_clear()
    # A submission's syntax trees are a million objects that all die with it: looking for cycles on the way costs a sixth
    # of the time, so it is done once after each.
    gc.collect()
    gc.freeze()
    gc.disable()


def work(job: Job, policy_name: str, out: str, seconds_max: float, with_page: bool) -> Row:
    """Judge one folder and write its verdict below `out`. Runs in a worker; whatever goes wrong is the caller's to record."""
    trace = Path(out) / "crashes" / f"{job.key}.trace"
    with trace.open("w") as file:
        # The stack of a hang is taken shortly before the process is killed for it.
        faulthandler.enable(file)
        faulthandler.dump_traceback_later(0.9 * seconds_max, file=file)
        try:
            row = judge(job, policy_name, Path(out), with_page)
        finally:
            faulthandler.cancel_dump_traceback_later()
            faulthandler.disable()
            gc.collect()
    trace.unlink()
    return row


@cache
def policy_of(name: str) -> Policy:
    """Read once in each process: reading takes as long as a small audit."""
    return load(name)


def judge(job: Job, policy_name: str, out: Path, with_page: bool) -> Row:
    from verify.audit import decide, open_case
    from verify.report.as_json import to_json
    from verify.stats.leaderboard import Leaderboard

    start, cpu = time.perf_counter(), time.process_time()
    case = open_case(job.tree(), policy_of(policy_name), Leaderboard.load())
    verdict = decide(case, start=start)
    cpu = 1000 * (time.process_time() - cpu)
    name = file_name(job)
    put(out / "verdicts" / f"{name}.json", to_json(verdict, indent=None))
    if with_page:
        from verify.report.html import to_html

        put(out / "pages" / f"{name}.html", to_html(verdict))
    page = f"pages/{name}.html" if with_page else None
    return row_of(job, verdict, cpu, f"verdicts/{name}.json", page, as_json(features(case)))


def as_json(found: Features | QueueRow) -> dict:
    """As it comes back from a file: lists for tuples."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(found).items()}


def row_of(job: Job, verdict: Verdict, cpu_milliseconds: float, path: str, page: str | None, found: dict) -> Row:
    return Row(
        key=job.key,
        name=job.name,
        location=job.location,
        pr=job.pr,
        sha=job.sha,
        date=job.date,
        status=verdict.status.value,
        milliseconds=verdict.milliseconds or 0.0,
        cpu_milliseconds=round(cpu_milliseconds, 1),
        bytes_peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        process=os.getpid(),
        verdict=path,
        page=page,
        policy=f"{verdict.policy} version {verdict.policy_version}",
        codes=codes_of(verdict),
        features=found,
        index=as_json(queue_row(verdict, page, path)),
    )


def codes_of(verdict: Verdict) -> dict[str, str]:
    """Checks that say something, with what they say; a lead is an unproven finding that names lines."""
    found = {}
    for result in verdict.results:
        if result.status in RULES_SHOWN:
            is_lead = result.status is Status.UNPROVEN and any(finding.lead for finding in result.findings)
            found[result.code] = "lead" if is_lead else result.status.value
    return found


def file_name(job: Job) -> str:
    """Named for people and unique: names of submissions are of others' making, so only letters, digits and ._- are used."""
    label = re.sub(r"[^A-Za-z0-9._-]+", "-", job.name)[:60].strip(".-")
    return f"{f'{job.pr:05d}' if job.pr else 'folder'}-{label}-{job.key[:12]}"


def put(path: Path, text: str) -> None:
    """Write and rename, without waiting for the disk: a file lost to a power cut is made again."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8", errors="replace")
    draft.replace(path)
