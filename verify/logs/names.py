"""What the names of log files say: the seed, and whether two names speak of the same run."""

import re

_SEED = re.compile(r"(?:^|[^a-z])seed[ _=-]?(\d{1,10})(?!\d)", re.I)
_NUMBERED = re.compile(r"(?:^|/)(?:train|log|run|eval|s)[_-]?(\d{1,5})\.(?:log|txt|out)$", re.I)
_SHORT = re.compile(r"[_-]s(\d{1,5})(?=[_.-])", re.I)


def seed_in_name(path: str) -> int | None:
    """The seed that a file's name (or its folder's) speaks of, or None."""
    for pattern in (_SEED, _NUMBERED, _SHORT):
        found = pattern.findall(path)
        if found:
            return int(found[-1])
    return None
