"""Pull requests: which record folders one adds or changes, found by comparing trees.

The base is where the pull request left main. A head that main already contains (merged with a merge commit) has itself as
merge base; there the base is where it left the main that it was merged into: the merge base of the head with the first
parent of the oldest first-parent commit of main that contains it. Squashed and rebased pull requests keep heads that main
does not contain, so they need nothing of this. Heads with an unrelated history are compared with main itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from verify.errors import BadInput
from verify.git.tree import MODE_TREE, GitTree, decoded, iso_date, repository

if TYPE_CHECKING:
    import pygit2

DEFAULT_REMOTE = "https://github.com/openai/parameter-golf"
MAIN_REFS = ("refs/heads/main", "refs/remotes/origin/main", "refs/remotes/upstream/main", "refs/heads/master")
HEAD_REFS = (
    "refs/pull/{n}/head",
    "refs/remotes/origin/pull/{n}/head",
    "refs/remotes/upstream/pull/{n}/head",
    "refs/remotes/origin/pr/{n}",
)
FIRST_PARENTS_MAX = 100_000
FOLDERS_MAX = 1_000


def pull_request(remote: str | Path, number: int) -> list[GitTree]:
    """The record folders that pull request `number` adds or changes, sorted by location.

    remote   a local repository (read, nothing fetched) or a URL (fetched into the user's cache)

    Raises BadInput where the remote cannot be read, has no such pull request, or that holds no record folder.
    """
    from verify.git.remote import local_repository

    path = local_repository(str(remote), [number])
    trees = record_folders(path, number)
    if not trees:
        raise BadInput(
            f"pull request {number} of {remote} adds or changes no folder records/TRACK/NAME. "
            "Name another pull request, or a folder of a checkout."
        )
    return trees


def record_folders(path: str, number: int) -> list[GitTree]:
    """The same, of a local repository; an empty list where the pull request holds no record folder."""
    repo = repository(path)
    head = target(repo, [ref.format(n=number) for ref in HEAD_REFS])
    if head is None:
        raise BadInput(
            f"{path}: has no pull request {number} (no {HEAD_REFS[0].format(n=number)}). "
            f"Fetch it there with `git fetch origin pull/{number}/head:refs/pull/{number}/head`, or give a URL."
        )
    main = target(repo, MAIN_REFS)
    if main is None:
        raise BadInput(f"{path}: has no branch main to compare a pull request with. Fetch it there, or give a URL.")
    return changed_folders(repo, path, head, base_of(repo, head, main), number)


def numbers(path: str) -> list[int]:
    """All pull requests a local repository has, ascending."""
    shapes = [ref.split("{n}") for ref in HEAD_REFS]
    found = set()
    for name in repository(path).references:
        for before, after in shapes:
            middle = name[len(before) : len(name) - len(after)]
            if name.startswith(before) and name.endswith(after) and middle.isdecimal():
                found.add(int(middle))
    return sorted(found)


def base_of(repo: "pygit2.Repository", head: "pygit2.Oid", main: "pygit2.Oid") -> "pygit2.Oid":
    """The commit a pull request is compared with; see the module's docstring."""
    base = repo.merge_base(head, main)
    if base is None:
        return main
    if base != head:
        return base
    merge = _first_containing(repo, head, main)
    parents = repo[merge].parent_ids  # type: ignore[attr-defined]
    if merge == head:  # fast-forwarded: its last commit, unless that is itself a merge of something else
        return parents[0] if len(parents) == 1 else head
    return repo.merge_base(head, parents[0]) or parents[0]


def _first_containing(repo: "pygit2.Repository", head: "pygit2.Oid", main: "pygit2.Oid") -> "pygit2.Oid":
    """The oldest commit on the first-parent line of main that contains `head`."""
    line = [main]
    while len(line) < FIRST_PARENTS_MAX and (parents := repo[line[-1]].parent_ids):  # type: ignore[attr-defined]
        line.append(parents[0])
    newest, oldest = 0, len(line)  # line[newest] contains head; line[oldest] does not
    while oldest - newest > 1:
        middle = (newest + oldest) // 2
        if line[middle] == head or repo.descendant_of(line[middle], head):
            newest = middle
        else:
            oldest = middle
    return line[newest]


def changed_folders(
    repo: "pygit2.Repository", path: str, head: "pygit2.Oid", base: "pygit2.Oid", number: int | None
) -> list[GitTree]:
    """Folders of `head` whose tree is not the one `base` has at the same place."""
    old = folders(repo, base)
    nested = "records/records/"  # a whole repository copied into records/: what it holds unchanged is not added
    old |= {nested + location.removeprefix("records/"): oid for location, oid in old.items()}
    commit = repo[head]
    date = iso_date(commit.commit_time)  # type: ignore[attr-defined]
    changed = sorted(
        (location, oid) for location, oid in folders(repo, head).items() if oid != old.get(location)
    )  # fmt: skip
    return [
        GitTree(path, str(oid), location.rpartition("/")[2], location, number, str(head), date)
        for location, oid in changed[:FOLDERS_MAX]
    ]


def folders(repo: "pygit2.Repository", commit: "pygit2.Oid") -> "dict[str, pygit2.Oid]":
    """Location -> tree of every record folder: records/TRACK/NAME, and records/NAME where the files lie there."""
    found: dict[str, pygit2.Oid] = {}
    pending = [("records", _child(repo, repo[commit].tree, b"records"))]
    for place, records in pending:
        for track in _subtrees(repo, records):
            name = decoded(track.raw_name)
            if place == "records" and name == "records":
                pending.append(("records/records", track))
            elif not name.startswith("track_") and _is_record(track):
                found[f"{place}/{name}"] = track.id
            else:
                found |= {f"{place}/{name}/{decoded(sub.raw_name)}": sub.id for sub in _subtrees(repo, track)}
    return found


def _is_record(tree: "pygit2.Tree") -> bool:
    names = {decoded(entry.raw_name) for entry in tree}
    return "submission.json" in names or any(name.startswith("train_gpt") and name.endswith(".py") for name in names)


def _child(repo: "pygit2.Repository", tree: "pygit2.Tree", name: bytes) -> "pygit2.Tree | None":
    for entry in tree:
        if entry.raw_name == name and entry.filemode == MODE_TREE and entry.id in repo:
            return repo[entry.id]  # type: ignore[return-value]
    return None


def _subtrees(repo: "pygit2.Repository", tree: "pygit2.Tree | None") -> "list[pygit2.Tree]":
    if tree is None:
        return []
    return [entry for entry in tree if entry.filemode == MODE_TREE and entry.id in repo]  # type: ignore[misc]


def target(repo: "pygit2.Repository", names) -> "pygit2.Oid | None":
    for name in names:
        if name in repo.references:
            return repo.references[name].peel().id
    return None
