"""A log's lines as a program wrote them: without terminal codes, progress redraws, and prefixes that loggers put before them."""

import re

from verify.limits import LINE_CHARACTERS_MAX

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_DIRTY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNIX = re.compile(r"(1[5-9]\d{8}(?:\.\d{1,9})?)(?: |$)")
_PREFIX = re.compile(
    r"(?:\[?(?:default|rank) ?\d{1,3}\]?: ?"  # torchrun --log-dir, --local-ranks-filter
    r"|\[\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?\] ?(?:\[?[A-Z]{4,8}\]?:? )?"
    r"|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?(?: \||:| -)? (?:\[?[A-Z]{4,8}\]?(?::| -)? )?"
    r"|\[\d\d:\d\d:\d\d\] )"
)


def lines_of(text: str) -> tuple[list[str], list[int]]:
    """The lines of a log, cut at the limit, and the number of each (from 1, counted by line feeds as editors do).

    What a carriage return separates are lines with one number: a progress bar and what was printed over it.
    """
    lines = text.split("\n")
    numbers = list(range(1, len(lines) + 1))
    if "\r" in text or _DIRTY.search(text):
        pairs = [(number, part) for number, line in enumerate(lines, 1) for part in _parts(line)]
        lines, numbers = [part for _, part in pairs], [number for number, _ in pairs]
    return [line if len(line) <= LINE_CHARACTERS_MAX else line[:LINE_CHARACTERS_MAX] for line in lines], numbers


def _parts(line: str) -> list[str]:
    if _DIRTY.search(line):
        line = _DIRTY.sub("", _ESCAPE.sub("", line))
    if "\r" not in line:
        return [line]
    return [part for part in line.split("\r") if part.strip()] or [""]


def unprefixed(line: str) -> tuple[str, float | None]:
    """The line without a logger's prefix, and the unix time in it where that is one (seconds)."""
    if line[:1] == "1" and (stamp := _UNIX.match(line)):
        return line[stamp.end() :], float(stamp[1])
    if line[:1] in "[0123456789dr" and (prefix := _PREFIX.match(line)):
        return line[prefix.end() :], None
    return line, None
