"""The model file: sole writer, sole reader.

    "PGLF"   version (1 byte)   layout fingerprint (4)   payload bytes (4)   payload crc32 (4)   compressed payload

The payload may be byte-shuffled before it is compressed. Names and shapes are not stored: the program that reads the file
is the one that wrote it, and the fingerprint says so.
"""

import struct
import zlib

from pgolf.codec.byte_shuffle import shuffle, unshuffle
from pgolf.core.errors import ArtifactError
from pgolf.core.load import load

HEADER = struct.Struct("<4sBIII")
MAGIC = b"PGLF"
VERSION = 1


def pack(cfg, payload: bytes, fingerprint: int) -> bytes:
    body = load("codec", cfg).compress(cfg, shuffle(payload, cfg.shuffle))
    return HEADER.pack(MAGIC, VERSION, fingerprint, len(payload), zlib.crc32(payload)) + body


def unpack(cfg, blob: bytes, fingerprint: int) -> bytes:
    """The payload. ArtifactError for anything that is not exactly what `pack` wrote for the same layout."""
    if len(blob) < HEADER.size:
        raise ArtifactError(f"the model file has {len(blob)} bytes, less than its header: truncated. Package again.")
    magic, version, found, size, crc = HEADER.unpack_from(blob)
    if (magic, version) != (MAGIC, VERSION):
        raise ArtifactError(f"the model file begins with {magic!r} version {version}, expected {MAGIC!r} {VERSION}.")
    if found != fingerprint:
        raise ArtifactError("the model file has the layout of another recipe. Evaluate it with the script it came with.")
    try:
        payload = unshuffle(load("codec", cfg).decompress(blob[HEADER.size :]))
    except Exception as error:
        raise ArtifactError(f"the model file does not decompress ({error}): damaged. Package again.") from None
    if len(payload) != size or zlib.crc32(payload) != crc:
        raise ArtifactError("the model file's content does not match its checksum: damaged. Package again.")
    return payload
