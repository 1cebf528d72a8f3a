"""One submission in, one verdict out."""

import pytest

from tests.verify.folders import record_folder
from verify.audit import audit, decide, open_case
from verify.finding import Status
from verify.folder import FolderTree
from verify.policy.model import DEFAULT, load
from verify.rule import all_rules
from verify.rules.seeds import Count
from verify.stats.leaderboard import Leaderboard


def given(tmp_path):
    return FolderTree(record_folder(tmp_path)), load(DEFAULT), Leaderboard.load()


def test_every_rule_says_something_about_a_legal_folder(tmp_path):
    verdict = audit(*given(tmp_path))
    assert [result.code for result in verdict.results] == [rule.code for rule in all_rules()]
    assert len(verdict.results) >= 80
    assert verdict.status is Status.PASS


def test_a_bug_in_one_rule_leaves_it_unproven_and_the_others_their_say(tmp_path, monkeypatch):
    def check(self, case):
        raise KeyError("x")
        yield

    monkeypatch.setattr(Count, "check", check)
    verdict = audit(*given(tmp_path))
    (broken,) = verdict.of(Status.UNPROVEN)
    assert broken.code == Count.code
    assert "A bug of verify" in broken.findings[0].sentence
    assert "KeyError at test_audit.py:" in broken.findings[0].sentence


def test_whoever_records_bugs_gets_them_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(Count, "check", lambda self, case: iter([{}["x"]]))
    with pytest.raises(KeyError):
        decide(open_case(*given(tmp_path)))
