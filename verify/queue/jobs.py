"""What a queue is to judge: one job per record folder, with a key that says when a verdict may be kept."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from verify.errors import BadInput
from verify.folder import FolderTree
from verify.git.pull import numbers, record_folders
from verify.git.remote import local_repository
from verify.git.tree import GitTree
from verify.policy.model import Policy

RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9}))?\s*")
CODE_SUFFIXES = (".py", ".yaml", ".json")


@dataclass(frozen=True)
class Job:
    """One folder: a tree of a git store, or the path of a folder on disk."""

    place: GitTree | str
    name: str
    location: str
    pr: int | None
    sha: str | None
    date: str | None
    key: str  # equal keys: equal content, equal rules, equal policy

    def tree(self) -> GitTree | FolderTree:
        """Raises BadInput where the folder is no longer there."""
        return FolderTree(self.place) if isinstance(self.place, str) else self.place

    @property
    def label(self) -> str:
        return f"#{self.pr} {self.name}" if self.pr else self.name


def parse_numbers(text: str) -> list[int]:
    """ "1-2059" or "1394,1413,1800-1900" as ascending numbers. Raises BadInput where it is neither."""
    found: set[int] = set()
    for part in text.split(","):
        match = RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 1 <= first <= last or last - first > 1_000_000:
            raise BadInput(
                f"--prs {text!r}: {part!r} is no number and no range. Write numbers and ranges, as in 1-2059 or 1394,1413."
            )
        found.update(range(first, last + 1))
    return sorted(found)


def of_pull_requests(remote: str, wanted: Sequence[int], policy: Policy) -> list[Job]:
    """A job for every record folder that these pull requests add or change; those that are not there or add none are left out.

    Raises BadInput where the remote cannot be read, or no folder is found.
    """
    path = local_repository(remote, wanted)
    there = set(numbers(path)).intersection(wanted)
    trees = [tree for number in sorted(there) for tree in record_folders(path, number)]
    if not trees:
        asked = f"pull request {wanted[0]}" if len(wanted) == 1 else f"pull requests {wanted[0]} to {wanted[-1]}"
        if not there:
            raise BadInput(f"{remote}: has no {asked} and nothing to judge. Fetch what is missing, or ask for others.")
        raise BadInput(
            f"{remote}: {len(there)} of {asked} are there, and none adds a folder records/TRACK/NAME. Ask for others."
        )
    return [
        Job(tree, tree.name, tree.location, tree.pr, tree.sha, tree.date, key(content(tree), policy)) for tree in trees
    ]


def of_folders(paths: Iterable[str], policy: Policy) -> list[Job]:
    """A job for every folder. Raises BadInput where one is not there, or is given twice."""
    jobs: dict[str, Job] = {}
    for path in paths:
        tree = FolderTree(path)
        root = os.path.realpath(path)
        jobs.setdefault(root, Job(root, tree.name, tree.location, None, None, None, key(content(tree), policy)))
    return list(jobs.values())


def starter(jobs: Sequence[Job]) -> frozenset[str]:
    """Digests of the challenge's own scripts, where the jobs come from its repository."""
    places = {job.place.repo for job in jobs if isinstance(job.place, GitTree)}
    if not places:
        return frozenset()
    from verify.queue.starter import starter_codes

    return frozenset().union(*map(starter_codes, places))


def content(tree: GitTree | FolderTree) -> list:
    """What tells one content from another: the tree's id, or of a folder on disk paths, sizes and times of change."""
    if isinstance(tree, GitTree):
        return [tree.tree, tree.location, tree.pr, tree.date]
    return [str(tree.root), *((info.path, info.bytes, modified(tree.root / info.path)) for info in tree.files())]


def modified(path: Path) -> int:
    """Nanoseconds; 0 where the file went away."""
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def key(parts: Sequence, policy: Policy) -> str:
    text = json.dumps([parts, tool(), policy.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@cache
def tool() -> str:
    """The tool's version, and a digest of the code and data that judge: a verdict of other code is made again."""
    found = hashlib.sha256()
    root = Path(str(files("verify")))
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        if path.suffix in CODE_SUFFIXES and inner.parts[0] not in {"commands", "queue", "report"}:
            found.update(f"{inner}\0".encode() + path.read_bytes())
    return f"{version('pgolf')}+{found.hexdigest()[:12]}"
