"""Brotli, the compressor of PR 1394."""

import brotli

from pgolf.codec.byte_shuffle import shuffle, unshuffle


def compress(cfg, data: bytes, layout) -> list[bytes]:
    return [brotli.compress(shuffle(data, cfg.shuffle), quality=cfg.quality, lgwin=cfg.window_bits)]


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    stream = brotli.Decompressor()
    data = stream.process(*sections, output_buffer_limit=size)
    return unshuffle(data, cfg.shuffle) if stream.is_finished() else b""
