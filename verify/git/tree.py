"""A record folder in a git store, read without a checkout. Nothing of it is followed: no symlink, no submodule, no filter.

Objects are read by libgit2, which never fetches what a partial clone lacks: such files are listed as absent.
"""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from verify import limits
from verify.errors import BadInput
from verify.tree import FileInfo

if TYPE_CHECKING:
    import pygit2

TREES_MAX = 2_000  # folders walked; a tree can name the same subtree again and again
DEPTH_MAX = 32
WHOLE_BYTES_MAX = 80_000_000  # larger blobs are streamed, not held whole
MAPPED_BYTES_MAX = 512 << 20  # of packs, so that a process stays small beside a large store
WINDOW_BYTES = 32 << 20

MODE_TREE, MODE_SYMLINK, MODE_SUBMODULE = 0o040000, 0o120000, 0o160000


@lru_cache(maxsize=4)
def repository(path: str) -> "pygit2.Repository":
    """The repository at or above a path. Raises BadInput where there is none."""
    import pygit2

    # libgit2 runs neither hooks nor file-system monitors, so a store of another user is as good as one's own.
    pygit2.settings.owner_validation = False
    pygit2.settings.mwindow_size = WINDOW_BYTES
    pygit2.settings.mwindow_mapped_limit = MAPPED_BYTES_MAX
    try:
        return pygit2.Repository(path)
    except pygit2.GitError:
        raise BadInput(f"{path}: no git repository. Give the folder of a clone, bare or not, or a URL.") from None


def decoded(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "surrogateescape")


def is_odd(name: str) -> bool:
    """A name no file system could hold below its folder: such entries are listed and never read."""
    return name in {"", ".", ".."} or "/" in name or name.lower() == ".git"


@dataclass
class GitTree:
    """A tree.Tree over one tree object. Holds no open handle, so it can be sent to another process.

    repo    path of the repository that has the objects
    tree    hexadecimal id of the folder's tree: equal ids mean equal content
    """

    repo: str
    tree: str
    name: str
    location: str
    pr: int | None = None
    sha: str | None = None
    date: str | None = None

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key != "listing"}

    @cached_property
    def listing(self) -> "Listing":
        """What the folder holds, with object ids."""
        return walk(repository(self.repo), self.tree)

    @property
    def is_cut(self) -> bool:
        """It holds more than FILES_MAX files, or folders deeper than DEPTH_MAX."""
        return self.listing.is_cut

    def files(self) -> tuple[FileInfo, ...]:
        """All files below the folder, sorted by path; at most limits.FILES_MAX."""
        return self.listing.files

    def read(self, path: str, bytes_max: int) -> bytes:
        """The first `bytes_max` bytes of a file of kind "file". Raises FileNotFoundError where they cannot be had."""
        import pygit2

        oid, size = self.listing.readable.get(path, ("", 0))
        if not oid:
            raise FileNotFoundError(f"{path!r} is not a file of {self.location!r}")
        if size > max(bytes_max, WHOLE_BYTES_MAX):
            return self._stream(oid, bytes_max)
        try:
            return repository(self.repo)[oid].data[:bytes_max]  # type: ignore[attr-defined]
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise FileNotFoundError(f"{path!r}: the git store cannot give it: {error}") from None

    def _stream(self, oid: str, bytes_max: int) -> bytes:
        """The start of a blob too large to hold, from git's own reader."""
        command = ["git", f"--git-dir={repository(self.repo).path}", "cat-file", "blob", oid]
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(command, stdin=nowhere, stdout=subprocess.PIPE, stderr=nowhere) as process:
            assert process.stdout is not None
            try:
                return process.stdout.read(bytes_max)
            finally:
                process.kill()


@dataclass(frozen=True)
class Listing:
    """files, and path -> (object id, bytes) of those that can be read."""

    files: tuple[FileInfo, ...]
    readable: dict[str, tuple[str, int]]
    is_cut: bool


def walk(repo: "pygit2.Repository", tree: str) -> Listing:
    """All entries below a tree, whatever their names; what is no regular file is listed and cannot be read."""
    import pygit2

    found: dict[str, FileInfo] = {}
    readable: dict[str, tuple[str, int]] = {}
    pending, walked, is_cut = [("", tree, 0)], 0, False
    while pending:
        prefix, oid, depth = pending.pop()
        if walked >= TREES_MAX or len(found) >= limits.FILES_MAX:
            is_cut = True
            break
        walked += 1
        try:
            entries = list(repo[oid])  # type: ignore[call-overload]
        except (KeyError, ValueError, pygit2.GitError):
            found.setdefault(prefix or ".", FileInfo(prefix or ".", None, "absent"))
            continue
        for entry in entries:
            name = decoded(entry.raw_name)
            path = f"{prefix}/{name}" if prefix else name
            if path in found:  # git forbids two entries of one name; a store made by hand can hold them
                continue
            if len(found) >= limits.FILES_MAX:
                is_cut = True
                break
            if is_odd(name) or entry.filemode == MODE_SUBMODULE:
                found[path] = FileInfo(path, None, "other")
            elif entry.filemode == MODE_TREE:
                if depth < DEPTH_MAX:
                    pending.append((path, str(entry.id), depth + 1))
                else:
                    is_cut = True
            elif entry.filemode == MODE_SYMLINK:
                found[path] = FileInfo(path, None, "symlink")
            elif (size := blob_bytes(repo, entry.id)) is None:
                found[path] = FileInfo(path, None, "absent")
            else:
                found[path] = FileInfo(path, size, "file")
                readable[path] = (str(entry.id), size)
    return Listing(tuple(sorted(found.values(), key=lambda info: info.path)), readable, is_cut)


def blob_bytes(repo: "pygit2.Repository", oid: "pygit2.Oid") -> int | None:
    """Size of a blob without reading it; None where the store does not have it."""
    import pygit2

    try:
        return repo.odb.read_header(oid)[1]
    except (KeyError, ValueError, pygit2.GitError):
        return None


def iso_date(seconds: int) -> str:
    """Day of a commit's time, UTC. Commits can carry any number: what is no date gives the nearest one that is."""
    return datetime.fromtimestamp(min(max(seconds, 0), 4_102_444_800), UTC).date().isoformat()


def tree_at(remote: str | Path, commit: str, folder: str, pr: int | None = None) -> GitTree:
    """The folder `folder` of a commit (any revision git understands) of a local repository.

    Raises BadInput where the repository, the commit or the folder is not there.
    """
    import pygit2

    repo = repository(str(remote))
    try:
        found = repo.revparse_single(commit).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError):
        raise BadInput(f"{remote}: has no commit {commit!r}. Fetch it there, or name another.") from None
    try:
        entry = found.tree[folder.strip("/")]
    except (KeyError, ValueError, pygit2.GitError):
        entry = None
    if entry is None or entry.filemode != MODE_TREE:
        listing = f"`git ls-tree -d {commit[:12]} records/`"
        raise BadInput(f"commit {commit[:12]} has no folder {folder!r}. {listing} lists what it has.")
    location = folder.strip("/")
    return GitTree(
        str(remote), str(entry.id), location.rpartition("/")[2], location, pr, str(found.id), iso_date(found.commit_time)
    )  # fmt: skip
