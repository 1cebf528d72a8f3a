"""Stored tensors as one string of bytes, in the order of their layout, and back."""

import json
import math

import torch


def describe(layout) -> bytes:
    """The layout as one line of JSON, [[name, type, shape, bytes], ...]: for the codec, which may run without torch."""
    rows = [(name, str(dtype), shape, dtype.itemsize * math.prod(shape)) for name, (dtype, shape) in layout.items()]
    return json.dumps(rows).encode()


def to_bytes(stored: dict[str, torch.Tensor], layout) -> bytes:
    return b"".join(stored[name].cpu().contiguous().numpy().tobytes() for name in layout)


def from_bytes(payload: bytes | bytearray, layout) -> dict[str, torch.Tensor]:
    """The tensors; they share the memory of `payload`."""
    stored, at = {}, 0
    for name, (dtype, shape) in layout.items():
        stored[name] = torch.frombuffer(payload, dtype=dtype, count=math.prod(shape), offset=at).view(shape)
        at += stored[name].nbytes
    return stored
