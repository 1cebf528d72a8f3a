"""Reads logs: the runs in each, with every value and its line, and the scripts that they hold."""

from collections.abc import Sequence

from verify.limits import LOGS_BYTES_MAX
from verify.logs.model import Log, Run, Source
from verify.logs.runs import RunBuilder
from verify.logs.sources import find_sources
from verify.logs.text import lines_of, unprefixed
from verify.submission.model import LogFile, Submission

COPIES_BACK_MAX = 3  # runs before a run that are compared with it
FACTS = (
    "seed", "iterations", "max_wallclock_seconds", "val_tokens", "train_shards", "tokenizer", "parameters", "world_size", "gpu",
    "torch_version", "python_version",
)  # fmt: skip


def read_log(log_file: LogFile) -> Log:
    """The runs and scripts of one log. Lines that no grammar knows change nothing; a file that is no log gives no run."""
    raw, numbers = lines_of(log_file.text)
    pairs = [unprefixed(line) for line in raw]
    lines = [line for line, _ in pairs]
    builder = RunBuilder(log_file.path)
    sources: list[Source] = []
    index = 0
    for start, end in [*find_sources(lines), (len(lines), len(lines))]:
        for at in range(index, start):
            builder.line(numbers[at], lines[at], pairs[at][1])
        if start < end:
            builder.source(numbers[start])
            text = "\n".join(lines[start:end]).rstrip("\n")
            sources.append(Source(log_file.path, numbers[start], numbers[end - 1], text + "\n"))
        index = end
    if builder.facts:
        builder.close()
    complete_copies(builder.runs)
    return Log(log_file.path, log_file.sha256, builder.runs, sources, builder.unknown_lines, builder.unknown_scores)


def complete_copies(runs: Sequence[Run]) -> None:
    """Give a run that a file prints twice, whole and in part, what only the other copy says."""
    for index, run in enumerate(runs):
        for other in runs[max(0, index - COPIES_BACK_MAX) : index]:
            if not run.curve or _curve(run) != _curve(other):
                continue
            for name in FACTS:
                if getattr(run, name) is None:
                    setattr(run, name, getattr(other, name))
            run.settings = other.settings | run.settings


def _curve(run: Run) -> list[tuple]:
    return [(point.step, point.train_loss, point.val_loss, point.seconds) for point in run.curve]


def read_logs(submission: Submission) -> list[Log]:
    """Every log of a submission, in order of their paths, until the limit of all together is reached."""
    logs = []
    left = LOGS_BYTES_MAX
    for log_file in submission.logs:
        left -= len(log_file.text)
        if left < 0:
            break
        logs.append(read_log(log_file))
    return logs
