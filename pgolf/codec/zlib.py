"""zlib, the compressor of the baseline."""

import zlib


def compress(cfg, data: bytes) -> bytes:
    return zlib.compress(data, cfg.level)


def decompress(data: bytes) -> bytes:
    return zlib.decompress(data)
