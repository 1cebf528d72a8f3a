"""The grammars of logs: patterns of lines as data (dialects/*.yaml), compiled into a matcher.

A pattern is a regular expression that has to match a whole line, with `<name:type>` for values. Types say what the digits
mean: `ms`, `s` and `min` become seconds. A name may carry a suffix "_2", "_3" where a pattern names it twice.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

NUMBER = r"(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?nan|[-+]?inf(?:inity)?|NaN)"
INT = r"\d[\d,]*(?![.\d])"
MATCH_CHARACTERS_MAX = 2_000  # no known line is longer
DIGITS_MAX = 18  # longer integers are no measurement


def _int(text: str) -> int:
    digits = text.replace(",", "")
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


TYPES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "int": (INT, _int),
    "float": (NUMBER, float),
    "ms": (NUMBER, lambda text: float(text) / 1000),
    "s": (NUMBER, float),
    "min": (NUMBER, lambda text: round(float(text) * 60, 6)),
    "word": (r"[^\s,;]+", str),
    "name": (r"\w+", str),
    "capitals": (r"[A-Z][A-Z0-9_]+", str),
    "wordlabel": (r"[\w+.-]+(?:\(\w+\))?", str),
    "version": (r"\d+\.\d+[\w.+]*", str),
    "gpuname": (r"\w[\w .-]*?", str),
    "label": (r"[A-Za-z](?:\(\w+=\w+\)|[^=|{}]){0,79}?", lambda text: text.strip(" :")),
    "value": (r"\S*", str),
    "rest": (r".*?", str),
}
SHAPES_MAX = 20_000
_ZEROES = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = re.compile(r"\d{10}")  # too long a number may be what a pattern refused
ORDER = ("steps", "header", "sizes", "events", "scores")  # the first pattern that matches a line takes it
_VALUE = re.compile(r"<(\w+):(\w+)>")
_SUFFIX = re.compile(r"_\d$")
_DATA = (  # which data a calibration line names
    ("val", re.compile(r"val(?:idation)?[ -]data|validation tokens|from val\b|\bval calib", re.I)),
    ("generated", re.compile(r"autoregressive|self-?gen|AR |generat", re.I)),
    ("train", re.compile(r"\btrain(?:ing)?\b", re.I)),
    ("random", re.compile(r"random|synthetic", re.I)),
)


def _compile(pattern: str) -> tuple[re.Pattern[str], dict[str, tuple[str, Callable[[str], Any]]]]:
    """The regular expression, and for each of its groups the field it fills and how its text is read."""
    groups: dict[str, tuple[str, Callable[[str], Any]]] = {}

    def group(match: re.Match[str]) -> str:
        name, kind = match.groups()
        expression, read = TYPES[kind]
        groups[name] = (_SUFFIX.sub("", name), read)
        return f"(?P<{name}>{expression})"

    return re.compile(_VALUE.sub(group, pattern)), groups


def _read(match: re.Match[str], groups: dict[str, tuple[str, Callable[[str], Any]]]) -> dict[str, Any]:
    found = {}
    for name, text in match.groupdict().items():
        if text is not None:
            key, read = groups[name]
            found[key] = read(text)
    return found


@dataclass(slots=True)
class LinePattern:
    """One known line."""

    name: str
    as_: str
    has: tuple[str, ...]  # one of these stands in every line that can match
    regex: re.Pattern[str]
    groups: dict[str, tuple[str, Callable[[str], Any]]]
    also: tuple[tuple[re.Pattern[str], dict[str, tuple[str, Callable[[str], Any]]]], ...] = ()
    kind: str = ""
    stage: str = ""
    starts: bool = False
    only_label: re.Pattern[str] | None = None
    examples: tuple[tuple[str, dict[str, Any]], ...] = field(default=())

    def read(self, line: str) -> dict[str, Any] | None:
        """The fields of a line, or None where this is another line."""
        match = self.regex.fullmatch(line) if self.as_ != "skip" else self.regex.match(line)
        if match is None:
            return None
        try:
            found = _read(match, self.groups)
            for regex, groups in self.also:
                if more := regex.search(line):
                    found = _read(more, groups) | found
        except ValueError:  # digits that are no number: a line that nobody knows
            return None
        if self.only_label and not self.only_label.search(str(found.get("label", ""))):
            return None
        if self.as_ == "calibration":
            data = next((name for name, regex in _DATA if regex.search(line)), None)
            if data:
                found["data"] = data
        return found


def _line_pattern(row: dict[str, Any]) -> LinePattern:
    regex, groups = _compile(row["pattern"])
    examples = [(row["example"], row["expect"]), *(tuple(example) for example in row.get("examples", ()))]
    return LinePattern(
        name=row["name"],
        as_=row["as"],
        has=tuple(row["has"]),
        regex=regex,
        groups=groups,
        also=tuple(_compile(pattern) for pattern in row.get("also", ())),
        kind=row.get("kind", ""),
        stage=row.get("stage", ""),
        starts=row.get("starts", False),
        only_label=re.compile(row["only_label"]) if "only_label" in row else None,
        examples=tuple(examples),
    )


def load(name: str) -> Any:
    """A file of dialects/, parsed."""
    text = (files("verify.logs") / "dialects" / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def patterns() -> tuple[LinePattern, ...]:
    return tuple(_line_pattern(row) for name in ORDER for row in load(name))


@cache
def promoted() -> dict[str, str]:
    """Name of a setting -> field of Run that it fills."""
    return {name: field_ for field_, names in load("settings").items() for name in names}


@cache
def _prefilter() -> tuple[tuple[tuple[str, ...], LinePattern], ...]:
    return tuple((pattern.has, pattern) for pattern in patterns())


def match(line: str) -> tuple[LinePattern, dict[str, Any]] | None:
    """The first pattern that takes the line, with the fields it found."""
    line = line[:MATCH_CHARACTERS_MAX]
    for has, pattern in _prefilter():
        for literal in has:
            if literal in line:
                found = pattern.read(line)
                if found is not None:
                    return pattern, found
                break
    return None


class Matcher:
    """Matches the lines of one log, and remembers which pattern takes lines that differ in digits only."""

    def __init__(self) -> None:
        self._pattern: dict[bytes, LinePattern | None] = {}

    def match(self, line: str) -> tuple[LinePattern, dict[str, Any]] | None:
        """As `match`."""
        shape = line[:MATCH_CHARACTERS_MAX].encode("utf-8", "surrogatepass").translate(_ZEROES)
        if shape in self._pattern:
            pattern = self._pattern[shape]
            if pattern is None:
                return None
            found = pattern.read(line[:MATCH_CHARACTERS_MAX])
            if found is not None:
                return pattern, found
        taken = match(line)
        if len(self._pattern) < SHAPES_MAX and (taken or not _LONG_NUMBER.search(line)):
            self._pattern[shape] = taken[0] if taken else None
        return taken


def kinds() -> Iterator[str]:
    """The kinds of events, in order of the files."""
    yield from dict.fromkeys(pattern.kind for pattern in patterns() if pattern.as_ == "event")
