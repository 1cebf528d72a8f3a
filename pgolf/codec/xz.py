"""LZMA2 as a raw stream, without xz's header and checksum: the artifact has its own."""

import lzma

from pgolf.codec.byte_shuffle import shuffle, unshuffle


def filters(cfg):
    return [{"id": lzma.FILTER_LZMA2, "preset": cfg.preset | (lzma.PRESET_EXTREME if cfg.extreme else 0)}]


def compress(cfg, data: bytes, layout) -> list[bytes]:
    return [lzma.compress(shuffle(data, cfg.shuffle), lzma.FORMAT_RAW, filters=filters(cfg))]


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    (section,) = sections
    stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters(cfg))
    data = stream.decompress(section, size + 1)
    return unshuffle(data, cfg.shuffle) if stream.eof and not stream.unused_data else b""
