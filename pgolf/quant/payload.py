"""Stored tensors as one string of bytes, in the order of their layout, and back."""

import math
import zlib

import torch

from pgolf.core.errors import ArtifactError


def to_bytes(stored: dict[str, torch.Tensor], layout) -> bytes:
    return b"".join(stored[name].cpu().contiguous().numpy().tobytes() for name in layout)


def from_bytes(payload: bytes, layout) -> dict[str, torch.Tensor]:
    stored, at, data = {}, 0, bytearray(payload)
    size = sum(dtype.itemsize * math.prod(shape) for dtype, shape in layout.values())
    if size != len(data):
        raise ArtifactError(f"the model has {len(data)} bytes, its layout {size}: it belongs to another recipe.")
    for name, (dtype, shape) in layout.items():
        stored[name] = torch.frombuffer(data, dtype=dtype, count=math.prod(shape), offset=at).view(shape)
        at += stored[name].nbytes
    return stored


def fingerprint(layout) -> int:
    """32 bits that change with any name, type, shape or order."""
    return zlib.crc32(repr([(name, str(dtype), shape) for name, (dtype, shape) in layout.items()]).encode())
