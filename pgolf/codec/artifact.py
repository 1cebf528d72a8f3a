"""The model file: sole writer, sole reader.

    "PGLF"   version (1 byte)   fingerprint of layout and codec (4)   number of sections (1)
    for each section: its length (4), its crc32 begun at 1 (4)
    crc32 of all that (4)   the sections

Numbers are little-endian. A codec makes sections of the payload, most make one. Names and shapes are not stored: the
program that reads the file is the one that wrote it, and the fingerprint says so. The reader cuts the file into sections as
the table says, makes a file of them as the writer does, and accepts only what is the same to the last byte; so there is no
odd file to think of. What comes out must have as many bytes as the layout says, and codecs stop when there is more.
"""

import json
import struct
import zlib

from pgolf.core.errors import ArtifactError, PgolfError
from pgolf.core.load import load


def whole(cfg, layout: bytes, sections) -> bytes:
    numbers = [number for section in sections for number in (len(section), zlib.crc32(section, 1))]
    fingerprint = zlib.crc32(repr(cfg).encode(), zlib.crc32(layout))
    head = struct.pack(f"<4sBIB{len(numbers)}I", b"PGLF", 2, fingerprint, len(sections), *numbers)
    return b"".join([head, zlib.crc32(head).to_bytes(4, "little"), *sections])


def pack(cfg, layout: bytes, payload: bytes) -> bytes:
    """`layout` is what `quant.payload.describe` says of the payload: JSON, [[name, type, shape, bytes], ...]."""
    return whole(cfg, layout, load("codec", cfg).compress(cfg, payload, json.loads(layout)))


def unpack(cfg, layout: bytes, blob: bytes) -> bytes | bytearray:
    """The payload. ArtifactError for anything that is not exactly what `pack` wrote for the same layout."""
    start = at = 14 + 8 * sum(blob[9:10])
    sections = []
    for place in range(10, start - 4, 8):
        sections.append(blob[at : at + int.from_bytes(blob[place : place + 4], "little")])
        at += len(sections[-1])
    mine, rows = whole(cfg, layout, sections), json.loads(layout)
    if mine[:9] != blob[:9]:
        raise ArtifactError(
            f"the model file begins with {blob[:9]!r}, expected {mine[:9]!r}. Evaluate it with the script it came with."
        )
    if mine != blob:
        raise ArtifactError("the model file is damaged. Package again.")
    size = sum(row[3] for row in rows)
    try:
        payload = load("codec", cfg).decompress(cfg, sections, rows, size)
    except PgolfError:
        raise
    except Exception as error:
        raise ArtifactError(f"the model file cannot be decompressed: {error}") from error
    if len(payload) != size:
        raise ArtifactError(f"the model has {len(payload)} bytes, its layout {size}.")
    return payload
