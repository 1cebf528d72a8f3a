"""Files written whole or not at all."""

import os
import tempfile
from pathlib import Path

from verify.errors import BadInput


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 to a temporary name beside `path`, then rename: a reader sees the old file or the new one.

    Surrogates of broken file names come out as "?". Raises BadInput where it cannot be written.
    """
    try:
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
        raise BadInput(
            f"{str(path)!r} cannot be written: {error.strerror}. Give a file in a folder that is there and writable."
        ) from None


def umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
