"""The files of a submission as verify sees them: paths, sizes and bytes, read-only, whatever they come from."""

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["file", "symlink", "absent", "other"]


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file below the submission's folder.

    path      relative, with "/", as it stands (may hold spaces, control characters, broken UTF-8 as surrogates)
    bytes     size; None where it cannot be told (an object that the git store does not have)
    kind      symlinks, devices and absent objects are listed and never read
    """

    path: str
    bytes: int | None
    kind: Kind = "file"


class Tree(Protocol):
    """A read-only view of one record folder."""

    name: str  # the folder's own name
    location: str  # where it stands: "records/track_10min_16mb/NAME" when that can be told, else the name
    pr: int | None  # pull request number, when it comes from one
    sha: str | None  # commit, when it comes from git
    date: str | None  # ISO date of that commit

    def files(self) -> tuple[FileInfo, ...]:
        """All files below the folder, sorted by path; at most limits.FILES_MAX."""
        ...

    def read(self, path: str, bytes_max: int) -> bytes:
        """The first `bytes_max` bytes of a file of kind "file"."""
        ...
