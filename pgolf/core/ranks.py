"""Processes and devices. One process is rank 0 of 1; under torchrun there are W of them (nccl on GPUs, gloo on CPUs)."""

import os
from functools import cache

import torch
import torch.distributed as dist

from pgolf.core.run import RANK, WORLD


@cache
def device() -> torch.device:
    """This rank's device. The first call joins the process group when there is more than one rank."""
    if not torch.cuda.is_available():
        if WORLD > 1:
            dist.init_process_group("gloo")
        return torch.device("cpu")
    here = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(here)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    if WORLD > 1:
        dist.init_process_group("cpu:gloo,cuda:nccl", device_id=here)
    return here


def activation_dtype() -> torch.dtype:
    return torch.bfloat16 if device().type == "cuda" else torch.float32


def synchronize() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def barrier() -> None:
    device()
    if WORLD > 1:
        dist.barrier()


def leave() -> None:
    dist.destroy_process_group()


def all_sum(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over ranks, in place, on every rank."""
    if WORLD > 1:
        dist.all_reduce(tensor)
    return tensor


def from_rank_0(value: float) -> float:
    """Rank 0's number, so that all ranks take the same decision. Goes through the CPU: the GPU is not waited for."""
    if WORLD == 1:
        return value
    tensor = torch.tensor(value, dtype=torch.float64)
    dist.broadcast(tensor, 0)
    return tensor.item()


def share_of(total: int) -> tuple[int, int]:
    """This rank's contiguous part [start, stop) of `total` pieces of work."""
    return total * RANK // WORLD, total * (RANK + 1) // WORLD


def logical_ranks(count: int) -> range:
    """The logical ranks this process stands for: all `count` of them together see what `count` GPUs would see."""
    return range(*share_of(count))


def compiled(function):
    return torch.compile(function, dynamic=False, fullgraph=True) if device().type == "cuda" else function
