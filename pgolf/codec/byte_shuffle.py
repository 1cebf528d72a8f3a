"""Byte shuffle: bytes 0, s, 2s, ... then 1, s+1, ...: the high bytes of two-byte numbers stand together and compress.

    abcdef, stride 2 -> ace bdf

From    the filter of HDF5 and Blosc; parameter-golf PR 1394 has the same order of bytes, after a header "BSHF" and stride
"""


def shuffle(data: bytes, stride: int) -> bytes:
    return b"".join(data[i::stride] for i in range(stride))


def unshuffle(data: bytes, stride: int) -> bytearray:
    out, at = bytearray(data), 0
    for i in range(stride):
        size = len(out[i::stride])
        out[i::stride] = data[at : at + size]
        at += size
    return out
