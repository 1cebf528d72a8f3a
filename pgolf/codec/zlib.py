"""zlib, the compressor of the baseline."""

import zlib

from pgolf.codec.byte_shuffle import shuffle, unshuffle


def compress(cfg, data: bytes, layout) -> list[bytes]:
    return [zlib.compress(shuffle(data, cfg.shuffle), cfg.level)]


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    (section,) = sections
    stream = zlib.decompressobj()
    data = stream.decompress(section, size + 1)
    return unshuffle(data, cfg.shuffle) if stream.eof and not stream.unused_data else b""
