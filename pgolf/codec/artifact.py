"""The model file: sole writer, sole reader.

    "PGLF"   version (1 byte)   fingerprint of layout and codec (4)   crc32 of the rest, begun at 1 (4)   compressed payload

The payload may be byte-shuffled before it is compressed. Names and shapes are not stored: the program that reads the file
is the one that wrote it, and the fingerprint says so.
"""

import struct
import zlib

from pgolf.codec.byte_shuffle import shuffle, unshuffle
from pgolf.core.errors import ArtifactError
from pgolf.core.load import load

HEADER = struct.Struct("<4sBII")
MAGIC = b"PGLF"
VERSION = 1


def pack(cfg, payload: bytes, fingerprint: int) -> bytes:
    fingerprint = zlib.crc32(cfg.kind.encode(), fingerprint)
    body = load("codec", cfg).compress(cfg, shuffle(payload, cfg.shuffle))
    return HEADER.pack(MAGIC, VERSION, fingerprint, zlib.crc32(body, 1)) + body


def unpack(cfg, blob: bytes, fingerprint: int) -> bytes:
    """The payload. ArtifactError for anything that is not exactly what `pack` wrote for the same layout."""
    fingerprint = zlib.crc32(cfg.kind.encode(), fingerprint)
    body = blob[HEADER.size :]
    magic, version, found, crc = HEADER.unpack(blob[: HEADER.size].ljust(HEADER.size, b"\0"))
    if (magic, version, found) != (MAGIC, VERSION, fingerprint):
        raise ArtifactError(
            f"the model file begins with {magic!r} {version} {found:x}, expected {MAGIC!r} {VERSION} {fingerprint:x}. "
            "Evaluate it with the script it came with."
        )
    if zlib.crc32(body, 1) != crc:
        raise ArtifactError("the model file is damaged: its content does not match its checksum. Package again.")
    return unshuffle(load("codec", cfg).decompress(body))
