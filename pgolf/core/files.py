"""Whole files or none: write beside the final name, flush to the disk, rename."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """The file gets its name only when all of it is on the disk."""
    draft = path.with_name(path.name + ".partial")
    try:
        with open(draft, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
