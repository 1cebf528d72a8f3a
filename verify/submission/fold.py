"""Working out the constant bytes and texts of a script, as its unpacking line would, without running anything of it.

A few pure operations on literals are known by name (base85, base64, hex, decompressors, replace, join, slices, reading a
neighbouring file); anything else is UNKNOWN. Sizes are limited at every step.
"""

import ast
import base64
import binascii
import codecs
import lzma
import posixpath
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from verify.submission.decompress import Refused, decompress
from verify.submission.fold_values import (
    CODECS,
    DECODERS,
    DECOMPRESSORS,
    LIST_MAX,
    UNKNOWN,
    FilePath,
    Module,
    Packed,
    as_path,
    plain,
    text_of,
    unpacked,
    with_steps,
)
from verify.submission.json_text import read_json

STEPS_MAX = 50_000  # nodes looked at in one script
DEPTH_MAX = 60  # of an expression
PLAIN_METHODS = {
    "strip", "lstrip", "rstrip", "replace", "encode", "decode", "join", "split", "splitlines", "lower", "upper", "read",
    "read_bytes", "read_text", "with_suffix", "with_name", "joinpath", "removeprefix", "removesuffix",
}  # fmt: skip


def rows_of(columns: list[Any]) -> Any:
    """zip() of lists."""
    if not columns or not all(isinstance(column, list) for column in columns):
        return UNKNOWN
    return [list(row) for row in zip(*columns, strict=False)]


@dataclass
class Folding:
    """The constants of one script. `read(path)` gives a neighbouring file's bytes, or None."""

    script: str  # its own path, as __file__
    read: Callable[[str], bytes | None]
    bytes_max: int
    names: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)  # neighbouring files that were read
    steps: int = 0

    def __post_init__(self) -> None:
        self.names.setdefault("__file__", FilePath(self.script))
        for name in ("bytes", "bytearray"):
            self.names.setdefault(name, Module(name))

    def value(self, node: ast.AST | None, depth: int = 0) -> Any:
        """What an expression comes to: Packed, a plain constant, a list, Module, FilePath, or UNKNOWN."""
        self.steps += 1
        if node is None or self.steps > STEPS_MAX or depth > DEPTH_MAX:
            return UNKNOWN
        handler = getattr(self, f"on_{type(node).__name__}", None)
        return handler(node, depth + 1) if handler else UNKNOWN

    def on_Constant(self, node: ast.Constant, depth: int) -> Any:
        return Packed(node.value) if isinstance(node.value, bytes | str) else node.value

    def on_Name(self, node: ast.Name, depth: int) -> Any:
        return self.names.get(node.id, UNKNOWN)

    def on_NamedExpr(self, node: ast.NamedExpr, depth: int) -> Any:
        self.names[node.target.id] = value = self.value(node.value, depth)
        return value

    def on_List(self, node: ast.List | ast.Tuple, depth: int) -> Any:
        return [self.value(item, depth) for item in node.elts] if len(node.elts) <= LIST_MAX else UNKNOWN

    on_Tuple = on_List

    def on_Dict(self, node: ast.Dict, depth: int) -> Any:
        out = {}
        for key, item in zip(node.keys, node.values, strict=True):
            name = plain(self.value(key, depth))
            if isinstance(name, str | int):
                out[name] = self.value(item, depth)
        return out

    def on_Attribute(self, node: ast.Attribute, depth: int) -> Any:
        base = self.value(node.value, depth)
        if isinstance(base, Module):
            name = f"{base.name}.{node.attr}"
            if base.name == "lzma" and isinstance(constant := getattr(lzma, node.attr, None), int):
                return constant
            if base.name == "zlib" and isinstance(constant := getattr(zlib, node.attr, None), int):
                return constant
            return Module(name)
        if isinstance(base, FilePath) and node.attr == "parent":
            return FilePath(posixpath.dirname(base.path))
        return UNKNOWN

    def on_BinOp(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self.value(node.left, depth), self.value(node.right, depth)
        if isinstance(node.op, ast.Add) and isinstance(left, Packed) and isinstance(right, Packed):
            if type(left.value) is type(right.value) and len(left.value) + len(right.value) <= self.bytes_max:
                return Packed(left.value + right.value, left.steps or right.steps)  # type: ignore[operator]
        elif (
            isinstance(node.op, ast.Add)
            and isinstance(left, FilePath)
            and isinstance(right, Packed)
            and isinstance(right.value, str)
        ):
            return FilePath(left.path + right.value)
        elif (
            isinstance(node.op, ast.Div)
            and isinstance(left, FilePath)
            and isinstance(right, Packed)
            and isinstance(right.value, str)
        ):
            return FilePath(posixpath.join(left.path, right.value))
        elif isinstance(left, int) and isinstance(right, int) and abs(left) < 1 << 62 and abs(right) < 1 << 62:
            if isinstance(node.op, ast.BitOr):
                return left | right
            if isinstance(node.op, ast.LShift) and 0 <= right < 40:
                return left << right
            if isinstance(node.op, ast.Add | ast.Sub):
                return left + right if isinstance(node.op, ast.Add) else left - right
        return UNKNOWN

    def on_UnaryOp(self, node: ast.UnaryOp, depth: int) -> Any:
        value = self.value(node.operand, depth)
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int) else UNKNOWN

    def on_Subscript(self, node: ast.Subscript, depth: int) -> Any:
        base = self.value(node.value, depth)
        if isinstance(node.slice, ast.Slice):
            if not isinstance(base, Packed | list):
                return UNKNOWN
            parts = [
                plain(self.value(part, depth)) if part is not None else None
                for part in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            if any(part is not None and not isinstance(part, int) for part in parts) or parts[2] == 0:
                return UNKNOWN
            if isinstance(base, list):
                return base[slice(*parts)]
            return Packed(base.value[slice(*parts)], base.steps)
        key = plain(self.value(node.slice, depth))
        if isinstance(base, list) and isinstance(key, int) and -len(base) <= key < len(base):
            return base[key]
        return base.get(key, UNKNOWN) if isinstance(base, dict) and isinstance(key, str | int) else UNKNOWN

    def on_Call(self, node: ast.Call, depth: int) -> Any:
        if isinstance(node.func, ast.Attribute) and node.func.attr in PLAIN_METHODS:
            base = self.value(node.func.value, depth)
            if not isinstance(base, Module):
                return self.method(
                    base, node.func.attr, [self.value(item, depth) for item in node.args], node.keywords, depth
                )
        target = self.value(node.func, depth)
        if isinstance(node.func, ast.Name) and target is UNKNOWN:
            target = Module(node.func.id)
        if not isinstance(target, Module):
            return UNKNOWN
        arguments = [self.value(item, depth) for item in node.args]
        return self.call(
            target.name, arguments, {item.arg or "": self.value(item.value, depth) for item in node.keywords}
        )

    def call(self, name: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        """A call of a known function; Module again for objects that only carry a method (ZstdDecompressor())."""
        first = arguments[0] if arguments else named.get("data", UNKNOWN)
        if name in {
            "open",
            "io.open",
            "pathlib.Path",
            "Path",
            "os.path.abspath",
            "os.path.realpath",
            "str",
            "os.fspath",
        }:
            return as_path(first) if first is not UNKNOWN else UNKNOWN
        if name == "zip":
            return rows_of(arguments)
        if name == "dict" and isinstance(first, list):
            pairs = [(plain(pair[0]), pair[1]) for pair in first if isinstance(pair, list) and len(pair) == 2]
            return {key: item for key, item in pairs if isinstance(key, str | int)}
        if name == "os.path.dirname":
            path = as_path(first)
            return FilePath(posixpath.dirname(path.path)) if isinstance(path, FilePath) else UNKNOWN
        if name == "os.path.join":
            paths = [as_path(item) for item in arguments]
            return (
                FilePath(posixpath.join(*(path.path for path in paths)))
                if paths and all(isinstance(path, FilePath) for path in paths)
                else UNKNOWN
            )
        if name == "__import__" and isinstance(first, Packed) and isinstance(first.value, str):
            return Module(first.value)
        if name in {"importlib.import_module"} and isinstance(first, Packed) and isinstance(first.value, str):
            return Module(first.value)
        if name in {"bytes", "bytearray", "memoryview"}:
            if isinstance(first, list) and all(isinstance(item, int) and 0 <= item < 256 for item in first):
                return Packed(bytes(first), ("numbers",))
            return first if isinstance(first, Packed) and isinstance(first.value, bytes) else UNKNOWN
        if name in {"tempfile.mkdtemp", "tempfile.gettempdir", "tempfile.TemporaryDirectory", "mkdtemp"}:
            return FilePath("/tmp")
        if name in {"io.BytesIO", "io.StringIO", "BytesIO", "compile"}:
            return first
        if name == "json.loads" and isinstance(first, Packed):
            return with_steps(read_json(text_of(first.value)).value, first.steps)
        if name in DECODERS and isinstance(first, Packed):
            return self.decoded(first, *DECODERS[name])
        if name in DECOMPRESSORS and isinstance(first, Packed) and isinstance(first.value, bytes):
            return self.decompressed(first, DECOMPRESSORS[name], arguments[1:], named)
        if name == "codecs.decode" and isinstance(first, Packed) and len(arguments) > 1:
            return self.codec(first, plain(arguments[1]))
        return Module(name) if any(known.startswith(name + ".") for known in DECOMPRESSORS) else UNKNOWN

    def decoded(self, packed: Packed, how: str, decoder: Callable[[Any], bytes]) -> Any:
        try:
            data = (
                packed.value
                if how != "hex" or isinstance(packed.value, str) or decoder is binascii.unhexlify
                else packed.value.decode()
            )
            return Packed(decoder(data), (*packed.steps, how))
        except (ValueError, TypeError, UnicodeDecodeError, OverflowError) as error:
            self.problems.append(f"holds {how} data that cannot be decoded: {str(error)[:100]}")
            return UNKNOWN

    def codec(self, packed: Packed, name: Any) -> Any:
        how = CODECS.get(str(name).lower().replace("-", "_"))
        if how == "rot13" and isinstance(packed.value, str):
            return Packed(codecs.decode(packed.value, "rot13"), (*packed.steps, how))
        if how in {"base64", "hex"}:
            return self.decoded(packed, how, base64.b64decode if how == "base64" else binascii.unhexlify)
        if how and isinstance(packed.value, bytes):
            return self.decompressed(packed, how, [], {})
        return self.method(packed, "decode", [], [], 0)

    def decompressed(self, packed: Packed, how: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        options: dict[str, Any] = {}
        label = how
        if how == "lzma":
            form = plain(named.get("format", arguments[0] if arguments else lzma.FORMAT_AUTO))
            filters = unpacked(named.get("filters", arguments[2] if len(arguments) > 2 else None))
            options = {"format": form if isinstance(form, int) else lzma.FORMAT_AUTO, "filters": filters}
            label = "lzma.raw" if filters is not None else "lzma"
        elif how == "zlib":
            wbits = plain(named.get("wbits", arguments[0] if arguments else zlib.MAX_WBITS))
            options = {"wbits": wbits if isinstance(wbits, int) else zlib.MAX_WBITS}
        try:
            assert isinstance(packed.value, bytes)
            return Packed(decompress(how, packed.value, self.bytes_max, **options), (*packed.steps, label))
        except Refused as error:
            self.problems.append(f"packed data {error}")
            return UNKNOWN

    def method(self, base: Any, name: str, arguments: list[Any], keywords: list[ast.keyword], depth: int) -> Any:
        """A call of a method of a text, of bytes or of a path."""
        values = [plain(item) for item in arguments]
        if isinstance(base, FilePath):
            return self.path_method(base, name, values)
        if isinstance(base, list) or not isinstance(base, Packed):
            return UNKNOWN
        if name == "read":
            return base
        if name == "decode" and isinstance(base.value, bytes):
            return Packed(base.value.decode("utf-8", "replace"), base.steps)
        if name == "encode" and isinstance(base.value, str):
            coding = values[0] if values and values[0] in {"latin1", "latin-1", "iso-8859-1", "ascii"} else "utf-8"
            return Packed(base.value.encode(coding, "replace" if coding != "utf-8" else "surrogatepass"), base.steps)
        if name == "join" and arguments:
            parts = arguments[0]
            if isinstance(parts, list) and all(
                isinstance(part, Packed) and type(part.value) is type(base.value) for part in parts
            ):
                size = sum(len(part.value) for part in parts) + len(base.value) * max(0, len(parts) - 1)
                if size <= self.bytes_max:
                    return Packed(base.value.join(part.value for part in parts), parts[0].steps if parts else ())
            if isinstance(parts, Packed) and type(parts.value) is type(base.value) is str and not base.value:
                return parts  # joined from its own characters
            return UNKNOWN
        if name in {"split", "splitlines"}:
            if len(values) > 1 or any(not isinstance(value, type(base.value)) or not value for value in values):
                return UNKNOWN
            parts = getattr(base.value, name)(*values)
            return [Packed(part, base.steps) for part in parts] if len(parts) <= LIST_MAX else UNKNOWN
        if name in {"strip", "lstrip", "rstrip", "replace", "removeprefix", "removesuffix", "lower", "upper"}:
            if any(not isinstance(value, type(base.value)) for value in values[:2]):
                return UNKNOWN
            if name == "replace" and (len(values) != 2 or (len(values[1]) > len(values[0]))):
                return UNKNOWN  # growing text is nothing an unpacker needs, and a way to eat memory
            try:
                return Packed(getattr(base.value, name)(*values[:2]), base.steps)
            except TypeError:
                return UNKNOWN
        return UNKNOWN

    def path_method(self, base: FilePath, name: str, values: list[Any]) -> Any:
        text = values[0] if values and isinstance(values[0], str) else None
        if name == "replace" and len(values) >= 2 and all(isinstance(value, str) for value in values[:2]):
            return FilePath(base.path.replace(values[0], values[1])) if len(values[1]) < 300 else UNKNOWN
        if name == "with_suffix" and text is not None:
            return FilePath(posixpath.splitext(base.path)[0] + text)
        if name == "with_name" and text is not None:
            return FilePath(posixpath.join(posixpath.dirname(base.path), text))
        if name == "joinpath" and text is not None:
            return FilePath(posixpath.join(base.path, text))
        if name in {"read", "read_bytes", "read_text"}:
            path = posixpath.normpath(base.path)
            data = self.read(path)
            if data is None:
                return UNKNOWN
            self.opened.append(path)
            if len(data) > self.bytes_max:
                self.problems.append(f"reads {path}, which is over {self.bytes_max:,} bytes")
                return UNKNOWN
            return Packed(data, ("file",))
        return UNKNOWN
