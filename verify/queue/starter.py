"""The challenge's own scripts: what starts from them unchanged copies nobody."""

from verify.git.pull import MAIN_REFS
from verify.git.tree import decoded, repository
from verify.queue.features import digest_of

COMMITS_MAX = 20_000
PREFIX, SUFFIX = "train_gpt", ".py"


def starter_codes(path: str) -> frozenset[str]:
    """Digests (features.code) of every version of train_gpt*.py that main ever had at its top; empty without a main."""
    import pygit2

    repo = repository(path)
    main = next((repo.references[name].peel().id for name in MAIN_REFS if name in repo.references), None)
    if main is None:
        return frozenset()
    blobs: set[pygit2.Oid] = set()
    for number, commit in enumerate(repo.walk(main, pygit2.enums.SortMode.NONE)):
        if number >= COMMITS_MAX:
            break
        for entry in commit.tree:
            name = decoded(entry.raw_name)
            if name.startswith(PREFIX) and name.endswith(SUFFIX):
                blobs.add(entry.id)
    sources = [repo[oid].data.decode("utf-8", "replace") for oid in blobs if oid in repo]  # type: ignore[attr-defined]
    return frozenset(filter(None, map(digest_of, sources)))
