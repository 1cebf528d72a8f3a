"""Reads logs: the runs in each, with every value and its line, and the scripts that they hold."""

from verify.limits import LOGS_BYTES_MAX
from verify.logs.model import Log, Source
from verify.logs.runs import RunBuilder
from verify.logs.sources import find_sources
from verify.logs.text import lines_of, unprefixed
from verify.submission.model import LogFile, Submission


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
    return Log(log_file.path, log_file.sha256, builder.runs, sources, builder.unknown_lines, builder.unknown_scores)


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
