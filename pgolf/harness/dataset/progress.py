"""Progress on stderr: bars on a terminal; in a log one line per file, when a verb is given for it."""

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars


class Progress:
    """with Progress() as progress: with progress.file("x.bin", size_bytes) as received: received(count_bytes)"""

    def __init__(self, verb: str = "") -> None:
        self._console = Console(stderr=True, highlight=False)
        self._verb = verb
        columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        hidden = not self._console.is_terminal
        self._bars = Bars(
            TextColumn("{task.description}"), *columns, console=self._console, disable=hidden, transient=True
        )

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextlib.contextmanager
    def bar(self, name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
        """Told of bytes as they are done. Safe from several threads."""
        task = self._bars.add_task(name, total=size_bytes)
        try:
            yield lambda count_bytes: self._bars.advance(task, count_bytes)
        finally:
            self._bars.remove_task(task)

    @contextlib.contextmanager
    def file(self, name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
        """A bar for one file, named in the log when it is done."""
        with self.bar(name, size_bytes) as done:
            yield done
        if self._verb:
            self.say(f"{self._verb} {name} ({size_bytes:,} bytes)")

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)
