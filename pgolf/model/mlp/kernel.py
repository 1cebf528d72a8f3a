"""Triton kernels for Hopper GPUs: a matrix product whose result meets the squared leaky ReLU, or its slope, on the way out.

    rise:  pre = x w^T,  post = leaky(pre)^2            fall:  (g w^T) * (2 pre where pre > 0, else 2 slope^2 pre)

Persistent: a program for each multiprocessor takes tile after tile. Tiles come and go by tensor descriptors (TMA); sums are
float32, rounded to the type of the output before the elementwise part, and leave in two halves, which need less shared memory.
Sizes are globals, not annotated arguments: the bundle drops annotations.
From    the persistent matmul of Triton's tutorials; tile and stages as in parameter-golf PR 1855
"""

# M rows, N columns of the product, K summed over
import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

ROWS, COLUMNS, DEPTH = tl.constexpr(256), tl.constexpr(128), tl.constexpr(64)
HALF = tl.constexpr(64)  # of COLUMNS


@triton.jit
def halves(a_MK, b_NK, row, column, k):
    """The left and right half of a tile of a b^T."""
    sums = tl.zeros((ROWS, COLUMNS), tl.float32)
    for at in range(0, k, DEPTH):
        sums = tl.dot(a_MK.load([row, at]), b_NK.load([column, at]).T, sums)
    return tl.split(tl.permute(tl.reshape(sums, (ROWS, 2, HALF)), (0, 2, 1)))


@triton.jit
def raise_half(sums, pre_MN, post_MN, row, column, slope):
    pre = sums.to(pre_MN.dtype)
    pre_MN.store([row, column], pre)
    x = pre.to(tl.float32)
    x = tl.where(x > 0, x, slope * x)
    post_MN.store([row, column], (x * x).to(post_MN.dtype))


@triton.jit
def lower_half(sums, pre_MN, out_MN, row, column, slope):
    x = pre_MN.load([row, column]).to(tl.float32)
    steep = tl.where(x > 0, 2 * x, 2 * slope * slope * x)
    out_MN.store([row, column], (sums.to(out_MN.dtype).to(tl.float32) * steep).to(out_MN.dtype))


@triton.jit
def rise_kernel(x_MK, w_NK, pre_MN, post_MN, m, n, k, slope):
    across = tl.cdiv(n, COLUMNS)
    for tile in tl.range(tl.program_id(0), tl.cdiv(m, ROWS) * across, tl.num_programs(0), flatten=True):
        row, column = tile // across * ROWS, tile % across * COLUMNS
        left, right = halves(x_MK, w_NK, row, column, k)
        raise_half(left, pre_MN, post_MN, row, column, slope)
        raise_half(right, pre_MN, post_MN, row, column + HALF, slope)


@triton.jit
def fall_kernel(g_MK, w_NK, pre_MN, out_MN, m, n, k, slope):
    across = tl.cdiv(n, COLUMNS)
    for tile in tl.range(tl.program_id(0), tl.cdiv(m, ROWS) * across, tl.num_programs(0), flatten=True):
        row, column = tile // across * ROWS, tile % across * COLUMNS
        left, right = halves(g_MK, w_NK, row, column, k)
        lower_half(left, pre_MN, out_MN, row, column, slope)
        lower_half(right, pre_MN, out_MN, row, column + HALF, slope)


def launch(kernel, a_MK, b_NK, one_MN, two_MN, slope: float, stages: int) -> None:
    (m, k), n = a_MK.shape, len(b_NK)
    rows, columns, depth, half = (int(size.value) for size in (ROWS, COLUMNS, DEPTH, HALF))
    programs = torch.cuda.get_device_properties(a_MK.device).multi_processor_count
    kernel[(min(programs, -(-m // rows) * -(-n // columns)),)](
        TensorDescriptor.from_tensor(a_MK, [rows, depth]),
        TensorDescriptor.from_tensor(b_NK, [columns, depth]),
        TensorDescriptor.from_tensor(one_MN, [rows, half]),
        TensorDescriptor.from_tensor(two_MN, [rows, half]),
        m,
        n,
        k,
        slope,
        num_stages=stages,
        num_warps=8,
    )


def rise(x_MK: torch.Tensor, w_NK: torch.Tensor, slope: float) -> tuple[torch.Tensor, torch.Tensor]:
    """pre and post (M, N)."""
    pre_MN, post_MN = (x_MK.new_empty(len(x_MK), len(w_NK)) for _ in range(2))
    launch(rise_kernel, x_MK, w_NK, pre_MN, post_MN, slope, 4)
    return pre_MN, post_MN


def fall(g_MK: torch.Tensor, w_NK: torch.Tensor, pre_MN: torch.Tensor, slope: float) -> torch.Tensor:
    """The gradient of pre (M, N)."""
    out_MN = torch.empty_like(pre_MN)
    launch(fall_kernel, g_MK, w_NK, pre_MN, out_MN, slope, 3)
    return out_MN
