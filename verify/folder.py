"""A record folder on disk as a tree: only regular files are read, nothing is followed out of it, nothing is written."""

import os
import re
import stat
from pathlib import Path

from verify.errors import BadInput
from verify.limits import FILES_MAX
from verify.tree import FileInfo, Kind

# Never waits for a fifo, never follows a link in the last part of a path, never takes a terminal.
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
FOLDER_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
DEPTH_MAX = 32  # folders below folders
NOT_SUBMITTED = frozenset({".git"})
RECORDS = re.compile(r"/(?:records/([^/]+/[^/]+)|(track_[^/]+/[^/]+))$")


def kind_of(mode: int) -> Kind:
    return "file" if stat.S_ISREG(mode) else "symlink" if stat.S_ISLNK(mode) else "other"


class FolderTree:
    """The files below a folder.

    Raises BadInput where there is no such folder, it is not a folder, or it holds no file.
    """

    pr: int | None = None
    sha: str | None = None
    date: str | None = None

    def __init__(self, path: str | os.PathLike[str]):
        given = Path(path)
        # An empty name is an unset variable, not the folder one stands in.
        if not os.fspath(path) or not os.path.exists(given):
            shown = os.fspath(path) if len(os.fspath(path)) <= 200 else f"{os.fspath(path)[:200]}..."
            raise BadInput(
                f"{shown!r} does not exist. Give the path of a record folder, as records/track_10min_16mb/NAME."
            )
        if not given.is_dir():
            raise BadInput(f"{str(given)!r} is a file. Give the folder that holds train_gpt.py and submission.json.")
        self.root = Path(os.path.realpath(given))
        self.name = self.root.name
        match = RECORDS.search(self.root.as_posix())
        self.location = f"records/{match[1] or match[2]}" if match else self.name
        self.is_cut = False  # it holds more than FILES_MAX files, or folders deeper than DEPTH_MAX
        found: list[FileInfo] = []
        try:
            self._list("", 0, found)
        except PermissionError as error:
            raise BadInput(
                f"{str(given)!r} cannot be read: {error.strerror}. Give yourself the right to read it."
            ) from None
        if not found:
            raise BadInput(
                f"{str(given)!r} holds no file. Give the folder that holds train_gpt.py and submission.json."
            )
        self._files = tuple(sorted(found, key=lambda info: info.path))
        self._kinds = {info.path: info.kind for info in self._files}

    def _list(self, below: str, depth: int, found: list[FileInfo]) -> None:
        """Add the files of one folder, by name; a linked folder is a symlink and is not entered."""
        with os.scandir(os.path.join(self.root, below)) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if len(found) >= FILES_MAX:
                    self.is_cut = True
                    return
                path = f"{below}{entry.name}"
                info = entry.stat(follow_symlinks=False)
                if not stat.S_ISDIR(info.st_mode):
                    kind = kind_of(info.st_mode)
                    found.append(FileInfo(path, info.st_size if kind == "file" else None, kind))
                elif entry.name in NOT_SUBMITTED:
                    continue
                elif depth >= DEPTH_MAX:
                    self.is_cut = True
                else:
                    try:
                        self._list(path + "/", depth + 1, found)
                    except PermissionError:
                        found.append(FileInfo(path, None, "other"))

    def files(self) -> tuple[FileInfo, ...]:
        return self._files

    def read(self, path: str, bytes_max: int) -> bytes:
        """The first `bytes_max` bytes of a listed regular file.

        Raises FileNotFoundError for any other path, also where the file became a link or a device since it was listed.
        """
        if self._kinds.get(path) != "file":
            raise FileNotFoundError(path)
        *folders, name = path.split("/")
        try:
            handle = os.open(self.root, FOLDER_FLAGS)
            for folder in folders:  # one by one, so that no part of the path can be a link
                handle = self._step(handle, folder, FOLDER_FLAGS)
            handle = self._step(handle, name, READ_FLAGS)
        except OSError as error:
            raise FileNotFoundError(path) from error
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileNotFoundError(path)
            return file.read(bytes_max)

    @staticmethod
    def _step(handle: int, name: str, flags: int) -> int:
        try:
            return os.open(name, flags, dir_fd=handle)
        finally:
            os.close(handle)
