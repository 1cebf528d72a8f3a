"""One submission in, one verdict out: read, run every rule, weigh by the policy."""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from verify.finding import Finding, Status, unproven, worst
from verify.logs.claims import claim_of
from verify.logs.read import read_logs
from verify.policy.model import Policy
from verify.rule import Case, Rule, all_rules
from verify.stats.leaderboard import Leaderboard
from verify.submission.read import read_submission
from verify.summary import headline, summary
from verify.tree import Tree
from verify.verdict import RuleResult, Verdict

Check = Callable[[Case], Iterable[Finding]]


def open_case(tree: Tree, policy: Policy, leaderboard: Leaderboard) -> Case:
    """Read a submission: files, logs, and which runs stand behind its claim."""
    submission = read_submission(tree)
    logs = read_logs(submission)
    return Case(submission, logs, claim_of(submission, logs), policy, leaderboard)


def guarded(rule: Rule) -> Check:
    """A rule's check that turns a bug of ours into an unproven finding, so that it does not cost the other rules their say."""

    def check(case: Case) -> Iterator[Finding]:
        try:
            yield from rule.check(case)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            yield unproven(
                f"A bug of verify kept this check from ending: {type(error).__name__} at {where}. Please report it."
            )

    return check


def judge(rule: Rule, case: Case, waivers: Mapping[str, str], check: Check | None = None) -> RuleResult:
    """Run one rule, then weigh what it found by the policy and the waivers (rule id or code -> reason)."""
    track = case.submission.track or "10min"
    findings: tuple[Finding, ...] = tuple((check or rule.check)(case)) if track in rule.tracks else ()
    found = worst(finding.status for finding in findings)
    waiver = waivers.get(rule.code, waivers.get(rule.rule))
    return RuleResult(
        code=rule.code,
        rule=rule.rule,
        sentence=rule.sentence,
        remedy=rule.remedy,
        status=Status.EXEMPT if waiver else case.policy.capped(rule.rule, found),
        found=found,
        findings=findings,
        waiver=waiver,
        cap=case.policy.rule(rule.rule).cap,
        precedents=rule.precedents,
    )


def audit(tree: Tree, policy: Policy, leaderboard: Leaderboard, waivers: Mapping[str, str] | None = None) -> Verdict:
    """The verdict on one record folder, from its files alone. Runs nothing of it, writes nothing, needs no network."""
    start = time.perf_counter()
    return decide(open_case(tree, policy, leaderboard), waivers, start, is_guarded=True)


def decide(
    case: Case, waivers: Mapping[str, str] | None = None, start: float | None = None, is_guarded: bool = False
) -> Verdict:
    """The verdict on a case that has been read; `start`: when reading began, by time.perf_counter.

    Guarded, a bug in a rule leaves that rule unproven; else it is raised, for callers that keep a record of bugs.
    """
    start = time.perf_counter() if start is None else start
    policy = case.policy
    results = tuple(judge(rule, case, waivers or {}, guarded(rule) if is_guarded else None) for rule in all_rules())
    status = worst(result.status for result in results)
    return Verdict(
        tool_version=version("pgolf"),
        policy=policy.name,
        policy_version=policy.version,
        policy_title=policy.title,
        status=status,
        headline=headline(status, results),
        results=results,
        milliseconds=round(1000 * (time.perf_counter() - start), 1),
        **summary(case, results),
    )
