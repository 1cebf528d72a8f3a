"""Which files are logs, and their text."""

import hashlib
import posixpath
import re
from collections.abc import Iterable

from verify.limits import LOG_BYTES_MAX, LOGS_BYTES_MAX
from verify.submission.model import LogFile, Problem
from verify.submission.text import decode, is_text
from verify.tree import FileInfo, Tree

ALWAYS = frozenset({".log", ".out"})
PERHAPS = frozenset({".txt", ".err", ".jsonl", ".ndjson", ".stdout", ".stderr", ""})
NEVER = re.compile(
    r"^(?:requirements|reqs|readme|license|licence|notice|cmakelists|dockerfile|makefile|manifest|sha\d+|pr_body|commit|\.)|commands?\b.*\.txt$",
    re.I,
)
# What a line of a training log looks like, in any dialect: a step with a loss, a score, a size, a timer.
LINE = re.compile(
    r"(?:^|[\s\[\"])step[:=_\"/]{1,3}\s?\d|^[ \t]{0,40}\d{1,9}/\d{1,9} "
    r"|\b(?:train_loss|val_loss|val_bpb|train_time|step_avg|loss|bpb)\b\W{1,4}\d"
    r"|Total submission size|Serialized model|model_params|\bwarmup_step\b|\biter(?:ation)?[ :=]+\d",
    re.MULTILINE,
)
LINES_MIN = 3
SNIFF_BYTES = 200_000  # of a file's start that are looked at for such lines
SNIFF_END_CHARACTERS = 20_000


def is_log_name(path: str) -> bool | None:
    """True: a log by its name. None: only its content can tell. False: something else."""
    name = posixpath.basename(path)
    end = posixpath.splitext(name)[1].lower()
    if NEVER.search(name):
        return False
    if end in ALWAYS:
        return True
    return None if end in PERHAPS or re.fullmatch(r"\.\d+", end) else False


def looks_like_log(text: str) -> bool:
    """Whether enough lines are those of a training log."""
    found = 0
    for part in (text[:SNIFF_BYTES], text[-SNIFF_END_CHARACTERS:]):
        for _ in LINE.finditer(part):
            found += 1
            if found >= LINES_MIN:
                return True
    return False


def read_log_files(tree: Tree, files: Iterable[FileInfo]) -> tuple[list[LogFile], list[Problem]]:
    """The logs of a folder by path. What is over the limits is cut, and reported."""
    logs: list[LogFile] = []
    problems: list[Problem] = []
    left = LOGS_BYTES_MAX
    for info in files:
        known = is_log_name(info.path) if info.kind == "file" else False
        if known is False:
            continue
        limit = min(LOG_BYTES_MAX, left)
        if limit <= 0:
            problems.append(Problem(info.path, "was not read: the logs before it are longer than can be read"))
            continue
        try:
            start = tree.read(info.path, SNIFF_BYTES)
            if not start or not is_text(start):
                continue
            if (
                known is None
                and not looks_like_log(decode(start, is_cut=True).text)
                and (info.bytes or 0) <= SNIFF_BYTES
            ):
                continue
            data = start[:limit] if len(start) < SNIFF_BYTES else tree.read(info.path, limit)
        except OSError:
            problems.append(Problem(info.path, "could not be read"))
            continue
        is_cut = len(data) >= limit and (info.bytes is None or info.bytes > len(data))
        decoded = decode(data, is_cut)
        if known is None and not looks_like_log(decoded.text):
            continue
        left -= len(data)
        if is_cut:
            problems.append(
                Problem(info.path, f"is longer than can be read; what is behind {len(data):,} bytes was not looked at")
            )
        problems += [Problem(info.path, sentence) for sentence in decoded.problems]
        logs.append(
            LogFile(
                info.path,
                info.bytes if info.bytes is not None else len(data),
                hashlib.sha256(data).hexdigest(),
                decoded.text,
                is_cut,
            )
        )
    return logs, problems
