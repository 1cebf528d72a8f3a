"""One check run over one synthetic folder."""

from functools import cache
from pathlib import Path

from verify.audit import judge, open_case
from verify.finding import Finding, Status
from verify.folder import FolderTree
from verify.policy.model import DEFAULT, Policy, load
from verify.rule import Rule, all_rules
from verify.stats.leaderboard import Leaderboard
from verify.verdict import RuleResult

PASS, WARN, FAIL, UNPROVEN = Status.PASS, Status.WARN, Status.FAIL, Status.UNPROVEN


@cache
def rules() -> dict[str, Rule]:
    return {rule.code: rule for rule in all_rules()}


@cache
def policy_named(name: str) -> Policy:
    return load(name)


def check(code: str, folder: Path, policy: str = DEFAULT) -> RuleResult:
    """What the check `code` says of a folder under a policy."""
    return judge(rules()[code], open_case(FolderTree(folder), policy_named(policy), Leaderboard.load()), {})


def worst_of(result: RuleResult) -> Finding:
    """The finding that decides, or the first note."""
    order = [FAIL, UNPROVEN, WARN, PASS]
    return min(result.findings, key=lambda finding: (order.index(finding.status), not finding.noted))
