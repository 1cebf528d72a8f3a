"""Values that folding a script's constants gives, and the coders and decompressors it knows by name."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verify.submission.text import decode

LIST_MAX = 10_000


class Unknown:
    """A value that cannot be told."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Module:
    """An imported module, or a function of one: dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path next to the script, as the script names it."""

    path: str


@dataclass(slots=True)
class Packed:
    """A value and how it was come by. `steps` names codings and compressions, from outside in; `sizes` are bytes before each."""

    value: bytes | str
    steps: tuple[str, ...] = ()


DECODERS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "base64.b85decode": ("base85", base64.b85decode),
    "base64.a85decode": ("ascii85", base64.a85decode),
    "base64.b64decode": ("base64", base64.b64decode),
    "base64.standard_b64decode": ("base64", base64.b64decode),
    "base64.urlsafe_b64decode": ("base64", base64.urlsafe_b64decode),
    "base64.decodebytes": ("base64", base64.b64decode),
    "base64.b32decode": ("base32", base64.b32decode),
    "base64.b16decode": ("base16", lambda data: base64.b16decode(data, casefold=True)),
    "binascii.a2b_base64": ("base64", binascii.a2b_base64),
    "binascii.unhexlify": ("hex", binascii.unhexlify),
    "binascii.a2b_hex": ("hex", binascii.unhexlify),
    "bytes.fromhex": ("hex", bytes.fromhex),
    "bytearray.fromhex": ("hex", bytes.fromhex),
}
DECOMPRESSORS = {
    "lzma.decompress": "lzma", "zlib.decompress": "zlib", "gzip.decompress": "gzip", "bz2.decompress": "bz2",
    "brotli.decompress": "brotli", "brotlicffi.decompress": "brotli", "zstandard.decompress": "zstd",
    "zstd.decompress": "zstd", "pyzstd.decompress": "zstd", "compression.zstd.decompress": "zstd",
    "compression.lzma.decompress": "lzma", "compression.zlib.decompress": "zlib",
    "zstandard.ZstdDecompressor.decompress": "zstd", "lzma.LZMADecompressor.decompress": "lzma",
    "zlib.decompressobj.decompress": "zlib", "bz2.BZ2Decompressor.decompress": "bz2",
    "brotli.Decompressor.process": "brotli", "brotli.Decompressor.decompress": "brotli",
}  # fmt: skip
CODECS = {
    "base64": "base64",
    "base_64": "base64",
    "hex": "hex",
    "zlib": "zlib",
    "zip": "zlib",
    "bz2": "bz2",
    "rot13": "rot13",
    "rot_13": "rot13",
}


def plain(value: Any) -> Any:
    """The bare constant of a Packed; other values as they are."""
    return value.value if isinstance(value, Packed) else value


def unpacked(value: Any, depth: int = 0) -> Any:
    """Lists and objects with bare constants in them."""
    if depth > 4:
        return None
    if isinstance(value, list):
        return [unpacked(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: unpacked(item, depth + 1) for key, item in value.items()}
    return None if value is UNKNOWN else plain(value)


def with_steps(value: Any, steps: tuple[str, ...], depth: int = 0) -> Any:
    """A JSON value with its texts marked as unpacked."""
    if isinstance(value, str):
        return Packed(value, steps)
    if isinstance(value, dict) and depth < 4:
        return {key: with_steps(item, steps, depth + 1) for key, item in value.items()}
    if isinstance(value, list) and depth < 4 and len(value) <= LIST_MAX:
        return [with_steps(item, steps, depth + 1) for item in value]
    return value if isinstance(value, int | float) else UNKNOWN


def text_of(value: bytes | str) -> str:
    return value if isinstance(value, str) else decode(value).text


def as_path(value: Any) -> Any:
    if isinstance(value, FilePath):
        return value
    if isinstance(value, Packed) and isinstance(value.value, str) and not value.steps and len(value.value) < 300:
        return FilePath(value.value)
    return value if isinstance(value, Packed) else UNKNOWN
