"""Triton kernels of the fused soft-capped cross-entropy: a program for each row, in one pass over its columns.

    z = 2 cap sigmoid(2 x / cap)      lse = log sum exp z      nats = lse - z[target]
    dx = dnats (exp(z - lse) - [column = target]) 4 s (1 - s),  s = sigmoid(2 x / cap)

Columns come in blocks; the largest z so far keeps the sum in range. All in float32, whatever the type of x.
From    online softmax (Milakov & Gimelshein 2018); parameter-golf PR 1787
"""

import torch
import triton
import triton.language as tl

BLOCK = tl.constexpr(1024)


@triton.jit
def forward_kernel(nats, lses, logits, targets, columns, cap):
    row = tl.program_id(0).to(tl.int64)
    logits += row * columns
    most = -float("inf")
    total = 0.0
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        x = tl.load(logits + at, at < columns, 0.0).to(tl.float32)
        z = tl.where(at < columns, 2 * cap * tl.sigmoid(2 / cap * x), -float("inf"))
        top = tl.maximum(most, tl.max(z))
        total = total * tl.exp(most - top) + tl.sum(tl.exp(z - top))
        most = top
    lse = most + tl.log(total)
    x = tl.load(logits + tl.load(targets + row)).to(tl.float32)
    tl.store(lses + row, lse)
    tl.store(nats + row, lse - 2 * cap * tl.sigmoid(2 / cap * x))


@triton.jit
def backward_kernel(out, dnats, lses, logits, targets, columns, cap):
    row = tl.program_id(0).to(tl.int64)
    lse = tl.load(lses + row)
    weight = 4 * tl.load(dnats + row)
    target = tl.load(targets + row)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        x = tl.load(logits + row * columns + at, at < columns, 0.0).to(tl.float32)
        s = tl.sigmoid(2 / cap * x)
        p = tl.exp(2 * cap * s - lse)
        dx = weight * tl.where(at == target, p - 1, p) * s * (1 - s)
        tl.store(out + row * columns + at, dx.to(out.dtype.element_ty), at < columns)


def forward(z_MV: torch.Tensor, targets_M: torch.Tensor, cap: float) -> tuple[torch.Tensor, torch.Tensor]:
    """nats and lse (M,) float32."""
    nats_M, lse_M = (torch.empty(len(z_MV), device=z_MV.device) for _ in range(2))
    forward_kernel[(len(z_MV),)](nats_M, lse_M, z_MV, targets_M, z_MV.size(1), cap, num_warps=4)
    return nats_M, lse_M


def backward(z_MV: torch.Tensor, targets_M: torch.Tensor, lse_M, dnats_M, cap: float) -> torch.Tensor:
    """dz (M, V) in z's type."""
    out_MV = torch.empty_like(z_MV)
    backward_kernel[(len(z_MV),)](out_MV, dnats_M, lse_M, z_MV, targets_M, z_MV.size(1), cap, num_warps=4)
    return out_MV
