"""YAML for recipes: plain data with the place each value came from, and no value that is not what it looks like.

Errors, each with file and line: a key given twice or that is not a word; `1e-5`, `-.5` and `09` (text in YAML 1.1: write
1.0e-5, -0.5 and 9); `yes`, `no`, `on`, `off` (booleans: write true or false); `010` (octal) and `1:30` (sexagesimal); dates;
.nan and .inf; whole numbers beyond 64 bits; anchors, aliases, merges and tags: the value stands where it is used.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pgolf.core.errors import InputError

Path_ = tuple[str | int, ...]
Place = Callable[[int], str]
"""What an error calls a line, for example "recipes/smoke.yaml:3"."""

DEPTH_MAX = 32
INT_MAX = 2**63 - 1
NUMBER_TRAP = re.compile(r"([-+]?)(\d[\d_]*)?(?:(\.)([\d_]*))?(?:[eE]([-+]?)(\d+))?")
BASE_TRAP = re.compile(r"[-+]?(0[0-7_]+|\d[\d_]*(:\d+)+(\.[\d_]*)?)")
ADVICE = {
    "'\\t'": "indent with spaces, not with tabs",
    "another document": "keep one document",
    "<stream end>": "close every bracket",
    "end of stream": "close every quote",
}


@dataclass
class Document:
    """`data` and, for the path of every value in it, its place, in the order in which the values came."""

    data: Any
    places: dict[Path_, str] = field(default_factory=dict)

    def part(self, path: Path_) -> "Document":
        """What stands at `path`, as a document of its own."""
        data = self.data
        for key in path:
            data = data[key]
        return Document(data, {p[len(path) :]: place for p, place in self.places.items() if p[: len(path)] == path})


def read_file(path: Path) -> Document:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}.") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"found the byte 0x{data[error.start]:02x}, not UTF-8 text"
        raise InputError(f"{path}:{line}: {found}; save the file as UTF-8.") from None
    return read_text(text, lambda line: f"{path}:{line}")


def read_text(text: str, place: Place, path: Path_ = ()) -> Document:
    """The document in `text`; `path` is where in a recipe it belongs."""
    document = Document(None)
    try:
        composer = Composer(text, place)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{place(line)}: not YAML: found the character U+{error.character:04X}; remove it.") from None
    try:
        node = composer.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        advice = next((a for sign, a in ADVICE.items() if sign in str(error.problem)), "put text with signs in quotes")
        raise InputError(f"{place(line)}: not YAML: {error.problem}; {advice}.") from None
    except (ValueError, OverflowError):
        line = composer.line + 1
        raise InputError(
            f"{place(line)}: not YAML: found an escape that is no character; write the character."
        ) from None
    document.places[path] = place(1)
    if node is not None:
        document.data = Reader(place, document.places).read(node, path)
    return document


class Composer(yaml.SafeLoader):
    """Builds nodes. Stops at what lets one value stand in several places, or be of a type that its text does not show."""

    def __init__(self, text: str, place: Place):
        super().__init__(text)
        self.place, self.depth = place, 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        place = self.place(event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{place}: found the alias *{event.anchor}; write the value itself.")
        if event.anchor:
            raise InputError(
                f"{place}: found the anchor &{event.anchor}; write each value where it is used, without it."
            )
        if event.tag:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise InputError(f"{place}: found the tag {cut(tag)}; write the value without it.")
        if self.depth == DEPTH_MAX:
            raise InputError(
                f"{place}: found more than {DEPTH_MAX} levels; allowed: the levels of a recipe, fewer than 10."
            )
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Reader:
    """Turns nodes into data, and refuses what YAML 1.1 takes for something else than a person does."""

    def __init__(self, place: Place, places: dict[Path_, str]):
        self.place, self.places = place, places
        self.constructor = yaml.SafeLoader("")

    def where(self, node: yaml.Node) -> str:
        return self.place(node.start_mark.line + 1)

    def read(self, node: yaml.Node, path: Path_) -> Any:
        self.places[path] = self.where(node)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if node.style is not None:
            return self.text(node, path)  # in quotes, or a block
        try:
            return self.plain(node)
        except Trap as trap:
            raise InputError(f"{self.where(node)}: {dotted(path)}: found {cut(node.value)}{trap}.") from None

    def mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, where = self.key(key_node, path), self.where(key_node)
            if key in lines:
                raise InputError(
                    f"{where}: {dotted((*path, key))}: given twice (first in line {lines[key]}); keep one."
                )
            lines[key] = key_node.start_mark.line + 1
            result[key] = self.read(value_node, (*path, key))
        return result

    def key(self, node: yaml.Node, path: Path_) -> str:
        if not isinstance(node, yaml.ScalarNode):
            found = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        elif node.tag.endswith(":str") and node.value.isidentifier():
            return node.value
        else:
            found = cut(node.value if node.value.isprintable() else repr(node.value))
        remedy = "write the fields out" if node.tag.endswith(":merge") else "allowed: field names"
        raise InputError(f"{self.where(node)}: found a key that is not a word under {dotted(path)}: {found}; {remedy}.")

    def text(self, node: yaml.ScalarNode, path: Path_) -> str:
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            raise InputError(
                f"{self.where(node)}: {dotted(path)}: found half a character (\\ud800 to \\udfff); remove it."
            )
        return node.value

    def plain(self, node: yaml.ScalarNode) -> Any:
        """The value of a scalar without quotes."""
        text, kind = node.value, node.tag.rpartition(":")[2]
        if kind == "str":
            if (match := NUMBER_TRAP.fullmatch(text)) and (match[2] or match[4]):
                raise Trap(f", which YAML reads as text; write {number(match)}")
            return text
        if kind == "bool" and text.lower() not in ("true", "false"):
            raise Trap(f', which YAML reads as a boolean; write true, false or "{text}"')
        if kind not in ("int", "float", "bool", "null"):
            raise Trap(f", which YAML reads as a {kind}; put it in quotes to make it text")
        if BASE_TRAP.fullmatch(text):
            raise Trap(", which YAML reads in base 8 or 60; write it in base 10")
        if kind == "int" and (len(text) > 80 or abs(self.constructor.construct_object(node)) > INT_MAX):
            raise Trap("; allowed: whole numbers up to 2^63 - 1")
        value = self.constructor.construct_object(node)
        if kind == "float" and not math.isfinite(value):
            raise Trap("; allowed: finite numbers")
        return value


class Trap(Exception):
    """Why a value is refused, and what to write instead."""


def number(match: re.Match[str]) -> str:
    """What NUMBER_TRAP found, as YAML reads it."""
    sign, whole, point, part, exponent_sign, exponent = match.groups("")
    whole = whole.replace("_", "").lstrip("0") or "0"
    if not point and not exponent:
        return sign + whole
    power = f"e{exponent_sign or '+'}{exponent}" if exponent else ""
    return f"{sign}{whole}.{part.replace('_', '') or '0'}{power}"


def cut(text: str) -> str:
    """Enough of `text` to find it by."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def dotted(path: Path_) -> str:
    return ".".join(map(str, path)) or "the file"
