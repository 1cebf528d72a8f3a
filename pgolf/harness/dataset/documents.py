"""The challenge's docs_selected.jsonl: one JSON object a line, its "text" one document. Plain, gzip or zstd, by its first bytes."""

import contextlib
import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import zstandard

from pgolf.core.errors import DataError, InputError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Documents:
    """The lines of a file of documents, in order; blank lines are none."""

    def __init__(self, path: Path):
        self.path = path
        try:
            with path.open("rb") as file:
                self.start = file.read(4)
                self.size_bytes = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror}). Give the docs_selected.jsonl of the challenge's export."
            ) from None

    def lines(self, read: Callable[[int], None] = lambda count_bytes: None) -> Iterator[tuple[int, bytes]]:
        """(number from 1, line) of each document. `read` is told how many bytes of the file are read, as they are."""
        with self.path.open("rb") as raw, _unpacked(raw, self.start) as file:
            reached = 0
            for number, line in enumerate(self._whole(file), 1):
                if raw.tell() > reached:
                    read(raw.tell() - reached)
                    reached = raw.tell()
                if not line.isspace():
                    yield number, line

    def _whole(self, file: IO[bytes]) -> Iterator[bytes]:
        try:
            yield from file
        except (OSError, EOFError, zstandard.ZstdError) as error:
            raise DataError(f"{self.path}: damaged or cut off ({error}). Fetch it again.") from None

    def count(self, most: int) -> int:
        """How many documents there are; counting stops at `most`."""
        return sum(1 for _ in zip(range(most), self.lines(), strict=False))

    def texts(self, most: int | None = None) -> Iterator[str]:
        """Of the first `most` documents."""
        for index, (number, line) in enumerate(self.lines()):
            if index == most:
                return
            yield text_of(line, self.path, number)

    def sha256(self) -> str:
        """Of the JSON lines, unpacked."""
        digest = hashlib.sha256()
        with self.path.open("rb") as raw, _unpacked(raw, self.start) as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
        return digest.hexdigest()

    def published_sha256(self) -> str | None:
        """What docs_selected.source_manifest.json beside the file says it must be; None where it says nothing."""
        source = self.path.with_name(f"{self.path.name.split('.')[0]}.source_manifest.json")
        try:
            said = json.loads(source.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise DataError(f"{source}: not readable as JSON. Delete it, or fetch it again.") from None
        found = said.get("docs_sha256") if isinstance(said, dict) else None
        return found if isinstance(found, str) else None


@contextlib.contextmanager
def _unpacked(raw: io.BufferedReader, start: bytes) -> Iterator[IO[bytes]]:
    file: Any = raw
    if start.startswith(GZIP):
        file = gzip.GzipFile(fileobj=raw)
    elif start.startswith(ZSTD):
        file = io.BufferedReader(Zstd(raw), 1 << 20)
    with contextlib.closing(file):
        yield file


class Zstd(io.RawIOBase):
    """The unpacked bytes of a file. The library's own reader ends without a word where a file was cut off."""

    def __init__(self, packed: IO[bytes]):
        self.packed = packed
        self.frame = zstandard.ZstdDecompressor().decompressobj()
        self.ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready:
            rest = self.frame.unused_data if self.frame.eof else b""
            packed = rest or self.packed.read(1 << 20)
            if not packed:
                if not self.frame.eof:
                    raise EOFError("compressed file ended before the end of its frame")
                return 0
            if self.frame.eof:
                self.frame = zstandard.ZstdDecompressor().decompressobj()
            self.ready = memoryview(self.frame.decompress(packed))
        count = min(len(buffer), len(self.ready))
        buffer[:count] = self.ready[:count]
        self.ready = self.ready[count:]
        return count


def text_of(line: bytes, path: Path, number: int) -> str:
    """The document of a line. Raises DataError, with the line's number, when there is none."""
    try:
        found = json.loads(line)
        text = found["text"]
        text.encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = "lone surrogate" if isinstance(error, UnicodeEncodeError) else "no text"
        shown = line[:60].decode(errors="replace").rstrip()
        raise DataError(
            f'{path}: line {number}: {reason} in {shown!r}; allowed: a JSON object a line, {{"text": "..."}}. '
            "Give the docs_selected.jsonl of the challenge's export."
        ) from None
    return text
