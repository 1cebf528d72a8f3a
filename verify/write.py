"""Files written whole or not at all."""

import os
import tempfile
from errno import EISDIR
from pathlib import Path

from verify.errors import BadInput

SHOWN_MAX = 200  # characters of a path in a message


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 to a temporary name beside `path`, then rename: a reader sees the old file or the new one.

    A link is followed. What is there and is no file (/dev/null, a pipe) is written into, never replaced. Surrogates of
    broken file names come out as "?". Raises BadInput where it cannot be written.
    """
    given = path
    try:
        path = Path(os.path.realpath(path))
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="replace", newline="")
            return
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask()
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        try:
            with open(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, mode)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise refused(given, error) from None


def check_place(path: Path) -> None:
    """Raises BadInput where `write_text` could not write there: told before the work, not after it."""
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if not path.exists() or path.is_file():
            with tempfile.NamedTemporaryFile(
                dir=os.path.dirname(os.path.realpath(path)), prefix=f".{path.name[:100]}."
            ):
                pass
    except OSError as error:
        raise refused(path, error) from None


def refused(path: Path, error: OSError) -> BadInput:
    shown = str(path) if len(str(path)) <= SHOWN_MAX else f"{str(path)[:SHOWN_MAX]}..."
    return BadInput(
        f"{shown!r} cannot be written: {error.strerror}. Give a file in a folder that is there and writable."
    )


def umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
