"""What a run ran on: hardware, driver, packages, and the commit of pgolf. Facts only; unknown is null."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "triton",
    "numpy",
    "sentencepiece",
    "brotli",
    "flash_attn_3",
    "nvidia-nccl-cu12",
    "nvidia-cudnn-cu12",
)


def facts() -> dict[str, Any]:
    return {
        "hostname": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": gpus(),
        "packages": packages(),
        "image": os.environ.get("PGOLF_IMAGE_DIGEST"),
        "pgolf_commit": commit(),
    }


def hardware_name(machine: dict[str, Any]) -> str:
    """For example "8x NVIDIA H100 80GB HBM3", or the CPU."""
    names = [gpu["name"] for gpu in machine["gpus"]]
    kinds = [f"{names.count(name)}x {name}" for name in dict.fromkeys(names)]
    return ", ".join(kinds) or f"{machine['cpus']}x {machine['cpu']}"


def packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def gpus() -> list[dict[str, str]]:
    fields = ("name", "uuid", "driver_version", "memory.total", "clocks.sm", "clocks.max.sm")
    lines = output("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader")
    return [dict(zip(fields, map(str.strip, line.split(",")), strict=False)) for line in (lines or "").splitlines()]


def commit() -> str | None:
    """The commit of this checkout, with "+changes" when files differ from it."""
    root = str(Path(__file__).parents[2])
    head = output("git", "-C", root, "rev-parse", "HEAD")
    changed = output("git", "-C", root, "status", "--porcelain", "--untracked-files=no")
    return head + ("+changes" if changed else "") if head else None


def output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
