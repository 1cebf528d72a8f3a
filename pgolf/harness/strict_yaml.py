"""YAML for recipes: plain data with the place each value came from, and no value that is not what it looks like.

Errors, each with file and line: a key given twice; `1e-5` (text in YAML 1.1: write 1.0e-5); `yes`, `no`, `on`, `off`
(booleans in YAML 1.1: write true or false); `010` (octal) and `1:30` (sexagesimal); dates, anchors with merges, tags.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pgolf.core.errors import InputError

Path_ = tuple[str | int, ...]
FLOAT_TRAP = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
INT_TRAP = re.compile(r"[-+]?(0[0-7_]+|\d[\d_]*(:\d+)+)")
SCALARS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:null",
}


@dataclass
class Document:
    """`data` and, for the path of every value in it, "file:line"."""

    data: Any
    places: dict[Path_, str] = field(default_factory=dict)


def read_file(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}).") from None
    return read_text(text, str(path))


def read_text(text: str, source: str) -> Document:
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source}:{line}: not YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not YAML: {str(error).splitlines()[0]}.") from None
    document = Document(None)
    if node is not None:
        document.data = Reader(source, document.places).read(node, ())
    return document


class Reader:
    def __init__(self, source: str, places: dict[Path_, str]):
        self.source, self.places = source, places
        self.constructor = yaml.SafeLoader("")

    def fail(self, node: yaml.Node, message: str) -> InputError:
        return InputError(f"{self.source}:{node.start_mark.line + 1}: {message}")

    def read(self, node: yaml.Node, path: Path_) -> Any:
        self.places[path] = f"{self.source}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                raise self.fail(key_node, f"found a key that is not a word under {dotted(path)}; allowed: field names.")
            if key in result:
                first = self.places[(*path, key)].rsplit(":", 1)[1]
                raise self.fail(key_node, f"{dotted((*path, key))}: given twice (first in line {first}); keep one.")
            result[key] = self.read(value_node, (*path, key))
        return result

    def scalar(self, node: yaml.ScalarNode, path: Path_) -> Any:
        text, plain = node.value, node.style is None
        if plain and node.tag.endswith(":str") and FLOAT_TRAP.fullmatch(text):
            mantissa, exponent = re.split("[eE]", text)
            sign = "" if exponent[0] in "+-" else "+"
            write = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent}"
            raise self.fail(node, f"{dotted(path)}: found {text}, which YAML reads as text; write {write}.")
        if plain and node.tag.endswith(":bool") and text.lower() not in ("true", "false"):
            raise self.fail(
                node, f'{dotted(path)}: found {text}, which YAML reads as a boolean; write true, false or "{text}".'
            )
        if plain and node.tag.endswith((":int", ":float")) and INT_TRAP.fullmatch(text):
            raise self.fail(
                node, f"{dotted(path)}: found {text}, which YAML reads in base 8 or 60; write it in base 10."
            )
        if node.tag not in SCALARS:
            kind = node.tag.rsplit(":", 1)[-1]
            raise self.fail(
                node, f"{dotted(path)}: found {text!r} ({kind}); allowed: text, numbers, true, false, null."
            )
        return self.constructor.construct_object(node)


def dotted(path: Path_) -> str:
    return ".".join(map(str, path)) or "the file"
