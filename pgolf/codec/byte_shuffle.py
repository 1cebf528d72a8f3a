"""Byte shuffle: bytes 0, s, 2s, ... then 1, s+1, ...: the high bytes of two-byte numbers stand together and compress.

    abcdef, stride 2 -> "BSHF" 02 ace bdf      (strings shorter than the stride, and stride 1, are left alone)

From    the filter of HDF5 and Blosc; header and stride as in parameter-golf PR 1394
"""

import numpy as np

MAGIC = b"BSHF"


def shuffle(data: bytes, stride: int) -> bytes:
    if stride <= 1 or len(data) < stride:
        return MAGIC + b"\1" + data if data[:4] == MAGIC else data
    array = np.frombuffer(data, np.uint8)
    return MAGIC + bytes([stride]) + b"".join(array[i::stride].tobytes() for i in range(stride))


def unshuffle(data: bytes) -> bytes:
    if data[:4] != MAGIC or len(data) < 5:
        return data
    stride, body = data[4], np.frombuffer(data, np.uint8, offset=5)
    out, at = np.empty_like(body), 0
    for i in range(stride):
        size = len(out[i::stride])
        out[i::stride] = body[at : at + size]
        at += size
    return out.tobytes()
