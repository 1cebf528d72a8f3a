"""The most memory this process has held."""

import resource

import torch

from pgolf.core.events import MEMORY, event


def report_memory() -> None:
    gpu = torch.cuda.is_available()
    event(
        MEMORY,
        gpu_mib=torch.cuda.max_memory_allocated() >> 20 if gpu else 0,
        gpu_reserved_mib=torch.cuda.max_memory_reserved() >> 20 if gpu else 0,
        host_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    )
