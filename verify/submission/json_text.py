"""A JSON reader for hostile files: no recursion, lines and digits kept, faults reported and read past.

Python's own reader overflows its stack on deep nesting, takes NaN for a number, forgets lines and the digits a number is written
with, and gives nothing at all where one comma is missing. This one reads what can be read.
"""

import math
import re
from dataclasses import dataclass, field
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Any

from verify.limits import JSON_DEPTH_MAX

SPACE = re.compile(r"[ \t\r\n\ufeff]*")
NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|-Infinity")
JUNK = re.compile(r"[^\s\[\]{},:\"]+")
WORDS = {"true": True, "false": False, "null": None}
NOT_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity", "nan", "inf", "Inf"})
NUMBER_CHARACTERS_MAX = 400
PROBLEMS_MAX = 20
KEYS_MAX = 100_000

KeyPath = tuple[str | int, ...]


@dataclass(slots=True)
class JsonText:
    """What a JSON file says. `lines` and `written` are by path: ("seed_results", "42", "val_bpb") -> line, digits as written."""

    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    written: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[tuple[str, int]] = field(default_factory=list)  # sentence, line


@dataclass(slots=True)
class Frame:
    """An object or a list that is being read."""

    path: KeyPath
    value: dict | list
    key: str | None = None
    line: int = 1


class Reader:
    def __init__(self, text: str):
        self.text = text
        self.at = 0
        self.counted = 0
        self.line = 1
        self.out = JsonText()
        self.stack: list[Frame] = []
        self.is_done = False
        self.too_deep = 0  # open brackets below the deepest level that is kept

    def read(self) -> JsonText:
        """The whole text; never raises."""
        while True:
            self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            self.line += self.text.count("\n", self.counted, self.at)
            self.counted = self.at
            if self.at >= len(self.text):
                break
            if self.is_done:
                self.fault("there is more text behind the end of the JSON value")
                break
            if len(self.out.lines) > KEYS_MAX:
                self.fault(f"there are more than {KEYS_MAX:,} values; the rest was not read")
                break
            self.token()
        if not self.is_done:
            self.fault("the JSON value does not end" if self.text.strip() else "the file is empty")
        return self.out

    def fault(self, sentence: str) -> None:
        if len(self.out.problems) < PROBLEMS_MAX:
            self.out.problems.append((sentence, self.line))

    def token(self) -> None:
        """Read one bracket, comma, string, number or word."""
        character = self.text[self.at]
        if character in "{[":
            self.at += 1
            self.open({} if character == "{" else [])
        elif character in "}]":
            self.at += 1
            self.close(character)
        elif character in ",:":
            self.at += 1  # what stands between two values says enough
        elif character == '"':
            self.string()
        elif match := NUMBER.match(self.text, self.at):
            self.at = match.end()
            self.number(match[0])
        elif match := WORD.match(self.text, self.at):
            self.at = match.end()
            self.word(match[0])
        else:
            match = JUNK.match(self.text, self.at)
            self.at = match.end() if match else self.at + 1
            self.fault("something that is no JSON")

    def string(self) -> None:
        try:
            value, self.at = scanstring(self.text, self.at + 1, False)
        except JSONDecodeError:
            end = self.text.find("\n", self.at)
            value, self.at = self.text[self.at + 1 : end if end > 0 else None], end if end > 0 else len(self.text)
            self.fault("a string does not end, or holds a broken escape")
        frame = self.stack[-1] if self.stack else None
        if frame and isinstance(frame.value, dict) and frame.key is None and not self.too_deep:
            frame.key, frame.line = value, self.line
        else:
            self.put(value)

    def number(self, written: str) -> None:
        value = None
        if len(written) <= NUMBER_CHARACTERS_MAX:
            number = float(written)
            value = number if any(mark in written for mark in ".eE") else int(written)
            if not math.isfinite(number):
                value = None
        if value is None:
            self.fault("a number is too large to be one")
        self.put(value, written)

    def word(self, word: str) -> None:
        if word in NOT_NUMBERS:
            self.fault(f"{word} is no JSON number")
        elif word not in WORDS:
            self.fault("a bare word stands where a value belongs")
        self.put(WORDS.get(word))

    def open(self, value: dict | list) -> None:
        if self.too_deep or len(self.stack) >= JSON_DEPTH_MAX:
            if not self.too_deep:
                self.fault(f"is nested more than {JSON_DEPTH_MAX} deep; what is deeper was not read")
                self.put(None)
            self.too_deep += 1
            return
        path = self.put(value)
        self.stack.append(Frame(path, value))

    def close(self, bracket: str) -> None:
        if self.too_deep:
            self.too_deep -= 1
        elif not self.stack:
            self.fault(f"a {bracket} closes nothing")
        else:
            if isinstance(self.stack[-1].value, dict) != (bracket == "}"):
                self.fault(f"a {bracket} closes the wrong kind of bracket")
            self.stack.pop()
            self.is_done = not self.stack

    def put(self, value: Any, written: str | None = None) -> KeyPath:
        """A value has been read: store it where it belongs. Gives its path."""
        if self.too_deep:
            return ()
        if not self.stack:
            self.out.value = value
            self.is_done = not isinstance(value, dict | list)
            return ()
        frame = self.stack[-1]
        line = self.line
        if isinstance(frame.value, list):
            path: KeyPath = (*frame.path, len(frame.value))
            frame.value.append(value)
        elif frame.key is None:
            self.fault("a value stands where a key belongs")
            return (*frame.path, "")
        else:
            path, line = (*frame.path, frame.key), frame.line
            if frame.key in frame.value:
                self.fault("a key stands there twice; the last one counts")
            frame.value[frame.key] = value
            frame.key = None
        self.out.lines[path] = line
        if written is not None:
            self.out.written[path] = written
        return path


def read_json(text: str) -> JsonText:
    """Read a JSON text; faults become problems. Paths of what was read are kept to JSON_DEPTH_MAX levels."""
    return Reader(text).read()
