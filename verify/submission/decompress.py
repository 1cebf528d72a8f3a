"""Decompressing with a limit on what comes out: a bomb is stopped after the first bytes over it."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

DICTIONARY_BYTES_MAX = 256 << 20  # of memory that LZMA data may ask for
CHUNK_BYTES = 1 << 20


class Refused(Exception):
    """Data that is broken, too large, or asks for too much memory; the text says which."""


def limited(feed: Callable[[bytes, int], bytes], is_done: Callable[[], bool], data: bytes, bytes_max: int) -> bytes:
    """Run a streaming decompressor until it is done, out of input, or over the limit."""
    parts: list[bytes] = []
    size = 0
    chunk = data
    while not is_done():
        out = feed(chunk, min(CHUNK_BYTES, bytes_max + 1 - size))
        chunk = b""
        if not out:
            break
        parts.append(out)
        size += len(out)
        if size > bytes_max:
            raise Refused(f"unpacks to more than {bytes_max:,} bytes")
    return b"".join(parts)


def zlib_bytes(data: bytes, bytes_max: int, wbits: int = zlib.MAX_WBITS) -> bytes:
    engine = zlib.decompressobj(wbits)

    def feed(chunk: bytes, limit: int) -> bytes:
        return engine.decompress(chunk or engine.unconsumed_tail, limit)

    return limited(feed, lambda: engine.eof, data, bytes_max)


def gzip_bytes(data: bytes, bytes_max: int) -> bytes:
    return zlib_bytes(data, bytes_max, zlib.MAX_WBITS | 16)


def bz2_bytes(data: bytes, bytes_max: int) -> bytes:
    engine = bz2.BZ2Decompressor()
    return limited(engine.decompress, lambda: engine.eof, data, bytes_max)


def checked_filters(filters: Any) -> list[dict[str, Any]]:
    """A raw filter chain of a script, with small dictionaries only."""
    if (
        not isinstance(filters, list)
        or not 1 <= len(filters) <= 4
        or not all(isinstance(item, dict) for item in filters)
    ):
        raise Refused("names LZMA filters that cannot be read")
    out = []
    for item in filters:
        kept = {
            str(key): value
            for key, value in item.items()
            if key in {"id", "dict_size", "lc", "lp", "pb", "dist", "start_offset", "preset"}
        }
        if (
            any(not isinstance(value, int) for value in kept.values())
            or kept.get("dict_size", 0) > DICTIONARY_BYTES_MAX
        ):
            raise Refused("names LZMA filters that ask for too much")
        out.append(kept)
    return out


def lzma_bytes(data: bytes, bytes_max: int, format: int = lzma.FORMAT_AUTO, filters: Any = None) -> bytes:
    if filters is not None or format == lzma.FORMAT_RAW:
        engine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=checked_filters(filters))
    else:
        engine = lzma.LZMADecompressor(format, memlimit=DICTIONARY_BYTES_MAX)
    return limited(engine.decompress, lambda: engine.eof, data, bytes_max)


def brotli_bytes(data: bytes, bytes_max: int) -> bytes:
    import brotli

    engine = brotli.Decompressor()

    def feed(chunk: bytes, limit: int) -> bytes:
        return engine.process(chunk, output_buffer_limit=limit)

    return limited(feed, engine.is_finished, data, bytes_max)


def zstd_bytes(data: bytes, bytes_max: int) -> bytes:
    import zstandard

    with zstandard.ZstdDecompressor(max_window_size=DICTIONARY_BYTES_MAX).stream_reader(data) as reader:
        out = reader.read(bytes_max + 1)
    if len(out) > bytes_max:
        raise Refused(f"unpacks to more than {bytes_max:,} bytes")
    return out


FORMATS: dict[str, Callable[..., bytes]] = {
    "zlib": zlib_bytes, "gzip": gzip_bytes, "bz2": bz2_bytes, "lzma": lzma_bytes, "brotli": brotli_bytes, "zstd": zstd_bytes,
}  # fmt: skip


def decompress(name: str, data: bytes, bytes_max: int, **options: Any) -> bytes:
    """Decompress by a format of FORMATS.

    Raises Refused for data that is broken or gives more than `bytes_max` bytes.
    """
    import brotli
    import zstandard

    try:
        return FORMATS[name](data, bytes_max, **options)
    except (
        zlib.error,
        lzma.LZMAError,
        brotli.error,
        zstandard.ZstdError,
        OSError,
        EOFError,
        ValueError,
        TypeError,
        MemoryError,
    ) as error:
        raise Refused(f"is not valid {name} data: {str(error)[:100]}") from error
