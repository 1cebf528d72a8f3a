"""What fuzzing finds: faults by their error and place, each with the shortest input that shows it."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path

SLOW_SECONDS = 3.0  # for an input of at most 200 kB
SHRINK_SECONDS = 10.0


def signature(error: BaseException) -> str:
    """The error's type and the last place in verify it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/verify/" in frame.filename]
    last = frames[-1] if frames else None
    return f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}" if last else type(error).__name__


def fault_of(target: Callable[[bytes], None], data: bytes) -> tuple[str, str] | None:
    """Signature and text of what is wrong with an input; None where nothing is."""
    start = time.perf_counter()
    try:
        target(data)
    except Exception as error:
        return signature(error), "".join(traceback.format_exception(error))
    seconds = time.perf_counter() - start
    return (
        (f"slow-{getattr(target, '__name__', 'target')}", f"took {seconds:.1f} s for {len(data):,} bytes\n")
        if seconds > SLOW_SECONDS
        else None
    )


def shrunk(target: Callable[[bytes], None], data: bytes, wanted: str) -> bytes:
    """A shorter input with the same fault: pieces are left out as long as it stays."""
    end = time.perf_counter() + SHRINK_SECONDS
    size = len(data) // 2
    while size and time.perf_counter() < end:
        at = 0
        while at < len(data) and time.perf_counter() < end:
            less = data[:at] + data[at + size :]
            found = fault_of(target, less)
            if found and found[0] == wanted:
                data = less
            else:
                at += size
        size //= 2
    return data


class Faults:
    """Runs a target on inputs and writes what is wrong: NAME-SIGNATURE.txt and .bin, and NAME.count with the number of runs."""

    def __init__(self, name: str, out: Path, seconds: float):
        self.name, self.out = name, out
        self.end = time.perf_counter() + seconds
        self.seen: set[str] = set()
        self.runs = 0
        self.slowest = 0.0

    @property
    def is_over(self) -> bool:
        return time.perf_counter() >= self.end

    def run(self, target: Callable[[bytes], None], data: bytes) -> bool:
        """Whether the input went well."""
        self.runs += 1
        start = time.perf_counter()
        found = fault_of(target, data)
        self.slowest = max(self.slowest, time.perf_counter() - start)
        if found and found[0] not in self.seen:
            self.seen.add(found[0])
            least = data if found[0].startswith("slow") else shrunk(target, data, found[0])
            (self.out / f"{self.name}-{found[0]}.bin").write_bytes(least)
            (self.out / f"{self.name}-{found[0]}.txt").write_text(f"{found[1]}\n{len(least)} bytes: {least[:2000]!r}\n")
        if self.runs % 50 == 0:
            self.close()
        return found is None

    def close(self) -> None:
        (self.out / f"{self.name}.count").write_text(f"{self.runs} runs, slowest {self.slowest:.2f} s\n")
