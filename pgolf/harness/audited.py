"""A record is complete only with its verdict: the other half of the project reads the finished draft and judges it.

What breaks a rule refuses a record of the ten-minute track. Elsewhere the verdict is written beside the record and its
headline is said: a smoke run on demo data is no submission, and its verdict says so.
"""

from pathlib import Path

from pgolf.core.errors import InputError
from pgolf.harness import atomic
from verify.audit import audit
from verify.finding import Status
from verify.folder import FolderTree
from verify.policy.model import DEFAULT, load
from verify.report.as_json import to_json
from verify.stats.leaderboard import Leaderboard
from verify.verdict import Verdict

FILE = "verdict.json"


def judged(draft: Path, name: str, track: str) -> Verdict:
    """The audit's verdict on a draft that will be called `name`, written into it.

    Raises InputError, with every broken rule, where the track is the challenge's own.
    """
    tree = FolderTree(draft)
    tree.name, tree.location = name, f"records/{track}/{name}"
    verdict = audit(tree, load(DEFAULT), Leaderboard.load())
    broken = [
        f"no record: {result.code}: {finding.sentence}"
        for result in verdict.of(Status.FAIL)
        for finding in result.findings
        if finding.status is Status.FAIL
    ]
    if broken and track == "track_10min_16mb":
        raise InputError("\n".join(broken))
    atomic.write_text(draft / FILE, to_json(verdict))
    return verdict
