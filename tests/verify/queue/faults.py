"""What can go wrong in a worker, as functions that stand in for queue.work.work."""

import os
import signal
import time

from verify.queue.work import Row, work


def broken(job, policy_name, out, seconds_max, with_page) -> Row:
    """Does to the job what its name says; every other name is judged."""
    if job.name == "Error":
        raise ZeroDivisionError("a bug of ours")
    if job.name == "Hang":
        return work_that_hangs(job, out, seconds_max)
    if job.name == "Memory":
        return bytearray(3 << 30)  # type: ignore[return-value]  # of address space: no page is touched
    if job.name == "Death":
        os._exit(3)
    return work(job, policy_name, out, seconds_max, with_page)


def work_that_hangs(job, out, seconds_max) -> Row:
    from unittest.mock import patch

    with patch("verify.queue.work.judge", lambda *_: time.sleep(60)):
        return work(job, "", out, seconds_max, False)


def blocked() -> set[int]:
    """The signals that a worker does not hear."""
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}
