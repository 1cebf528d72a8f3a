"""Zstandard, the compressor of PR 162."""

import zstandard

from pgolf.codec.byte_shuffle import shuffle, unshuffle


def compress(cfg, data: bytes, layout) -> list[bytes]:
    return [zstandard.compress(shuffle(data, cfg.shuffle), cfg.level)]


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    (section,) = sections
    if zstandard.frame_content_size(section) != size:
        return b""
    data = zstandard.ZstdDecompressor().decompress(section, allow_extra_data=False)
    return unshuffle(data, cfg.shuffle)
