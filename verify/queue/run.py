"""Run many jobs in parallel processes: each with a time and a memory limit, none able to stop the others."""

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from verify.queue.jobs import Job
from verify.queue.store import Store
from verify.queue.work import Row, prepare, work

PENDING_PER_WORKER = 4  # handed out ahead; more only cost memory
SECONDS_MAX = 60.0
BYTES_MAX = 3 << 30  # of address space, which holds mapped packs too


@dataclass
class Crash:
    """A job that gave no verdict: a bug of ours, whatever the submission holds."""

    job: Job
    kind: str  # error, time limit, memory limit, process died
    sentence: str
    report: str  # path of the file that has all of it


@dataclass
class Queue:
    """What came of all jobs. minutes: of this run alone; kept: verdicts of earlier runs."""

    rows: list[Row] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    kept: int = 0
    minutes: float = 0.0
    fresh: list[Row] = field(default_factory=list)  # judged in this run


@dataclass(frozen=True)
class Limits:
    workers: int
    seconds_max: float = SECONDS_MAX
    bytes_max: int = BYTES_MAX


def run(
    jobs: Sequence[Job],
    policy_name: str,
    store: Store,
    limits: Limits,
    with_page: bool = False,
    fresh: bool = False,
    tell: Callable[[Row | Crash], None] = lambda _: None,
    function: Callable[..., Row] = work,
) -> Queue:
    """Judge all jobs. `tell` hears of each as it ends; verdicts of earlier runs are kept unless `fresh`.

    An interrupt ends the workers and is raised again: rows done so far are kept.
    """
    start = time.monotonic()
    known = {} if fresh else store.done(with_page)
    queue = Queue(rows=[known[job.key] for job in jobs if job.key in known])
    queue.kept = len(queue.rows)
    left = iter([job for job in jobs if job.key not in known])
    with pool(limits) as workers:
        pending: dict[ProcessFuture, Job] = {}
        while True:
            for job in take(left, limits.workers * PENDING_PER_WORKER - len(pending)):
                arguments = (job, policy_name, str(store.out), limits.seconds_max, with_page)
                pending[workers.schedule(function, args=arguments, timeout=limits.seconds_max)] = job
            if not pending:
                break
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in [future for future in pending if future in done]:
                job = pending.pop(future)
                ended = outcome(future, job, store, limits)
                if isinstance(ended, Row):
                    store.add(ended)
                    store.forget_crash(job.key)
                    queue.rows.append(ended)
                    queue.fresh.append(ended)
                else:
                    queue.crashes.append(ended)
                tell(ended)
    queue.minutes = (time.monotonic() - start) / 60
    order = {job.key: number for number, job in enumerate(jobs)}
    queue.rows.sort(key=lambda row: order[row.key])
    return queue


@contextmanager
def pool(limits: Limits) -> Iterator[ProcessPool]:
    """Workers forked from a clean server process: no thread or lock of ours is copied, and imports are made once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["verify.queue.preload"])
    workers = ProcessPool(limits.workers, context=context, initializer=prepare, initargs=(limits.bytes_max,))
    try:
        start(workers)
        yield workers
        workers.close()
    finally:
        if workers.active:
            workers.stop()
        workers.join()


def start(workers: ProcessPool) -> None:
    """Start server and workers with interrupts held back: they never hear one, and we not before all of them are there.

    An interrupt that ended the server while it starts, or us while we wait for a worker, would leave tracebacks.
    """
    resource_tracker.ensure_running()  # which lets interrupts through again once it has started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
        if not workers.active:  # asking starts them
            raise RuntimeError("the pool of workers does not start")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take(left: Iterator[Job], number: int) -> Iterator[Job]:
    for _, job in zip(range(number), left, strict=False):
        yield job


def outcome(future: ProcessFuture, job: Job, store: Store, limits: Limits) -> Row | Crash:
    """The row, or what kept the job from having one."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, TimeoutError):
        kind, sentence = "time limit", f"no verdict within {limits.seconds_max:g} s"
    elif isinstance(error, MemoryError):
        kind, sentence = "memory limit", f"needed more than {limits.bytes_max:,} bytes of address space"
    elif isinstance(error, ProcessExpired):
        kind, sentence = "process died", f"its process ended with {error.exitcode}"
    else:
        kind, sentence = "error", f"{type(error).__name__}: {error}"
    where = "".join(traceback.format_exception(error))
    remote = getattr(error, "traceback", "")
    about = f"pull request: {job.pr}\ncommit: {job.sha}\nfolder: {job.location!r}\nplace: {job.place!r}"
    text = f"{kind}: {sentence}\n{about}\n\n{remote or where}"
    return Crash(job, kind, sentence, str(store.crash(job.key, text)))
