"""Submissions that are the same, in whole or in part: logs, scores or code that turn up under another name.

A score printed to six or more decimals does not come out twice: two folders that claim it share a run. Where their code
differs too, one of them shows results of another model. Forks share most of their code, so only code that is equal after
normalising is a finding; similar code is information: each submission's nearest earlier one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

from verify.queue.features import BINS, similarity
from verify.queue.work import Row

BAND = 8  # bins that must all agree for two sketches to be compared
BUCKET_MAX = 400  # a bucket with more is the starter script's
SIMILARITY_MIN = 0.8
SENTENCES = {
    "results-other-code": "The same results stand behind different code.",
    "logs-other-code": "The same log file stands beside different code.",
    "results-same-code": "The same results and the same code under another name.",
    "code-new-name": "The same code, up to names, comments and layout, under another name.",
    "starter-code": "The challenge's own script, unchanged but for names, comments and layout.",
    "folder-again": "The same folder in several pull requests.",
}


@dataclass(frozen=True)
class Member:
    pr: int | None
    name: str
    location: str
    author: str | None
    date: str | None
    score: float | None
    what: str  # file name, or seed and score


@dataclass(frozen=True)
class Group:
    """Submissions that share something; the earliest pull request first."""

    kind: str
    sentence: str
    shared: str
    members: tuple[Member, ...]
    authors: int = 0  # different ones that their files name


@dataclass(frozen=True)
class Neighbour:
    """A submission's most similar earlier one. similarity: estimated share of equal token runs, 0 to 1."""

    pr: int | None
    location: str
    nearest_pr: int | None
    nearest_location: str
    similarity: float


def find(rows: Sequence[Row], starter: Collection[str] = ()) -> tuple[list[Group], list[Neighbour]]:
    """Groups, worst kind first, and near-duplicates by similarity. A folder that several pull requests carry counts once.

    starter   digests of the challenge's own scripts
    """
    ordered = sorted(rows, key=lambda row: (row.pr or 0, row.location))
    first, again = carried(ordered)
    groups = shared_scores(first) + shared_logs(first) + shared_code(first, starter) + again
    seen: set[tuple[str, frozenset]] = set()
    kept = []
    for group in sorted(groups, key=lambda one: list(SENTENCES).index(one.kind)):
        # one set of folders with three logs in common is one group, not three
        mark = (group.kind, frozenset((member.pr, member.location) for member in group.members))
        if mark not in seen:
            seen.add(mark)
            kept.append(group)
    return kept, neighbours(first)


def earliest(groups: Iterable[Group]) -> dict[tuple[int | None, str], str]:
    """(pull request, location) -> the earliest submission that it is the same as, for all but that one."""
    found: dict[tuple[int | None, str], str] = {}
    for one in groups:
        first = one.members[0]
        for member in one.members[1:]:
            found.setdefault((member.pr, member.location), f"#{first.pr} {first.name}" if first.pr else first.name)
    return found


def as_data(groups: Iterable[Group], near: Iterable[Neighbour]) -> dict:
    return {"groups": [asdict(group) for group in groups], "near": [asdict(one) for one in near]}


def counts(groups: Iterable[Group], near: Sequence[Neighbour]) -> dict[str, int]:
    found = dict.fromkeys(SENTENCES, 0)
    for group in groups:
        found[group.kind] += 1
    return found | {"near": len(near)}


def carried(rows: Sequence[Row]) -> tuple[list[Row], list[Group]]:
    """The first row of each folder name with the same code and logs; forks carry folders of others along."""
    same: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        logs = tuple(sorted(row.features["logs"].items()))
        same[row.name, row.features["script"], logs].append(row)
    again = [
        group("folder-again", rows[0].name, [(row, row.name) for row in rows])
        for rows in same.values()
        if len({row.pr for row in rows}) > 1
    ]
    return [rows[0] for rows in same.values()], again


def shared_scores(rows: Sequence[Row]) -> list[Group]:
    by_score: dict[tuple, list[tuple[Row, str]]] = defaultdict(list)
    for row in rows:
        for seed, loss, bpb in row.features["scores"]:
            by_score[loss, bpb].append((row, f"seed {seed}: {bpb!r}"))
    return [
        group("results-other-code" if differ(found) else "results-same-code", f"val_bpb {bpb!r}", found)
        for (_, bpb), found in by_score.items()
        if names(found) > 1
    ]


def shared_logs(rows: Sequence[Row]) -> list[Group]:
    by_digest: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for row in rows:
        for file, digest in row.features["logs"].items():
            by_digest[digest].append((row, file))
    return [
        group("logs-other-code", found[0][1], found)
        for found in by_digest.values()
        if names(found) > 1 and differ(found)
    ]


def shared_code(rows: Sequence[Row], starter: Collection[str]) -> list[Group]:
    by_code: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for row in rows:
        if row.features["code"]:
            by_code[row.features["code"]].append((row, row.name))
    return [
        group("starter-code" if code in starter else "code-new-name", f"code {code}", found)
        for code, found in by_code.items()
        if names(found) > 1
    ]


def names(found: Sequence[tuple[Row, str]]) -> int:
    return len({row.name for row, _ in found})


def differ(found: Sequence[tuple[Row, str]]) -> bool:
    """Whether folders of different names run different code; where one has no readable code, that is not known."""
    return any(
        one.name != other.name
        and one.features["code"]
        and other.features["code"]
        and one.features["code"] != other.features["code"]
        for (one, _), (other, _) in combinations(found, 2)
    )


def group(kind: str, shared: str, found: Sequence[tuple[Row, str]]) -> Group:
    members = {
        (row.pr, row.location): Member(
            row.pr, row.name, row.location, row.index.get("author"), row.date, row.index.get("claimed_bpb"), what
        )
        for row, what in reversed(found)
    }
    ordered = sorted(members.values(), key=lambda member: (member.pr or 0, member.location))
    authors = {member.author.strip().lower() for member in ordered if member.author}
    return Group(kind, SENTENCES[kind], shared, tuple(ordered), len(authors))


def neighbours(rows: Sequence[Row]) -> list[Neighbour]:
    """For each row the most similar earlier one, where its code is not the same and the similarity is SIMILARITY_MIN or more."""
    buckets: dict[tuple, list[int]] = defaultdict(list)
    found = []
    for index, row in enumerate(rows):
        sketch = tuple(row.features["sketch"])
        if not sketch:
            continue
        candidates: set[int] = set()
        for start in range(0, BINS, BAND):
            bucket = buckets[start, sketch[start : start + BAND]]
            candidates.update(bucket[-BUCKET_MAX:])
            bucket.append(index)
        best = max(
            ((similarity(sketch, tuple(rows[other].features["sketch"])), -other) for other in candidates),
            default=(0.0, 0),
        )
        other = rows[-best[1]]
        if best[0] >= SIMILARITY_MIN and other.features["code"] != row.features["code"]:
            found.append(Neighbour(row.pr, row.location, other.pr, other.location, round(best[0], 3)))
    return sorted(found, key=lambda one: (-one.similarity, one.pr or 0, one.location))
