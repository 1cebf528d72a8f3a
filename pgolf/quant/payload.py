"""Stored tensors as one string of bytes, in the order of their layout, and back."""

import zlib

import numpy as np
import torch

from pgolf.core.errors import ArtifactError


def to_bytes(stored: dict[str, torch.Tensor], layout) -> bytes:
    return b"".join(stored[name].cpu().contiguous().numpy().tobytes() for name in layout)


def from_bytes(payload: bytes, layout) -> dict[str, torch.Tensor]:
    stored, at = {}, 0
    for name, (dtype, shape) in layout.items():
        count = int(np.prod(shape, dtype=int))
        size = count * dtype.itemsize
        if at + size > len(payload):
            raise ArtifactError(f"the model ends at byte {len(payload)}, within {name}: it belongs to another recipe.")
        stored[name] = torch.frombuffer(bytearray(payload[at : at + size]), dtype=dtype).view(shape)
        at += size
    if at != len(payload):
        raise ArtifactError(f"the model has {len(payload)} bytes, its layout {at}: it belongs to another recipe.")
    return stored


def fingerprint(layout) -> int:
    """32 bits that change with any name, type, shape or order."""
    return zlib.crc32(repr([(name, str(dtype), shape) for name, (dtype, shape) in layout.items()]).encode())
