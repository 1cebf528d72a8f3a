"""A verdict: under which heading a finding counts, and the exit code."""

import pytest

from tests.verify.report.verdicts import verdict
from verify.finding import Finding, Status
from verify.report import show
from verify.verdict import RuleResult


def result(finding: Finding, cap: str = "fail", status: Status | None = None) -> RuleResult:
    status = status or finding.status
    return RuleResult(
        code="a.b", rule="a", sentence="", remedy="", status=status, found=finding.status, findings=(finding,), cap=cap
    )


def found(status: Status, **more) -> Finding:
    return Finding(status=status, sentence="", **more)


@pytest.mark.parametrize(
    ("made", "group"),
    [
        (result(found(Status.FAIL)), "fail"),
        (result(found(Status.FAIL), cap="warn", status=Status.WARN), "warn"),
        (result(found(Status.FAIL), status=Status.EXEMPT), "exempt"),
        (result(found(Status.UNPROVEN, lead=True)), "lead"),
        (result(found(Status.UNPROVEN, lead=True), cap="warn"), "lead"),
        (result(found(Status.UNPROVEN)), "unproven"),
        (result(found(Status.PASS, noted=True)), "note"),
        (result(found(Status.PASS)), "pass"),
    ],
)
def test_a_finding_counts_where_the_policy_puts_it(made, group):
    assert made.groups == {group}
    assert [key for key, entries in show.grouped(verdict(results=(made,))).items() if entries] == [group]


def test_a_rule_without_findings_counts_by_its_status():
    made = result(found(Status.PASS)).model_copy(update={"findings": (), "status": Status.EXEMPT})
    assert made.groups == {"exempt"}


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("warn", 0), ("exempt", 0), ("fail", 1), ("unproven", 3)])
def test_the_exit_code_follows_the_status(status, code):
    assert verdict(status=Status(status)).exit_code == code
