"""Brotli, the compressor of PR 1394."""

import brotli


def compress(cfg, data: bytes) -> bytes:
    return brotli.compress(data, quality=cfg.quality, lgwin=cfg.window_bits)


def decompress(data: bytes) -> bytes:
    return brotli.decompress(data)
