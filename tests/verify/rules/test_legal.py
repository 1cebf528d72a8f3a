"""A legal folder passes every check of facts, packed or plain, on the board and to the letter."""

import pytest

from tests.verify.folders import record_folder
from tests.verify.rules.judged import PASS, rules
from verify.audit import judge, open_case
from verify.folder import FolderTree
from verify.policy.model import load, names
from verify.stats.leaderboard import Leaderboard

MODULES = (
    "artifact",
    "clock",
    "code_bytes",
    "consistency",
    "hardware",
    "headline",
    "package",
    "seeds",
    "standing",
    "validation",
)
BETTER = {42: 1.0471, 314: 1.0473, 999: 1.0472}


def facts():
    found = [rule for rule in rules().values() if type(rule).__module__.rpartition(".")[2] in MODULES]
    assert len(found) >= 40
    return found


@pytest.mark.parametrize("policy", names())
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_legal_folder_passes(tmp_path, policy, is_packed):
    folder = record_folder(tmp_path, scores=BETTER, is_packed=is_packed)
    case = open_case(FolderTree(folder), load(policy), Leaderboard.load())
    results = [judge(rule, case, {}) for rule in facts()]
    assert {result.code: result.findings for result in results if result.status is not PASS} == {}


def test_every_check_finds_something_to_say_of_an_almost_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here\n")
    case = open_case(FolderTree(tmp_path), load("board-2026-05"), Leaderboard.load())
    for rule in facts():
        assert list(rule.check(case)), rule.code


def test_no_check_names_a_policy_setting_that_does_not_exist():
    known = load("board-2026-05").rules
    assert {rule.rule for rule in rules().values()} <= known.keys()
    assert {rule for rule in known if not any(other.rule == rule for other in rules().values())} == set()


def test_codes_are_unique():
    codes = list(rules())
    assert len(codes) == len(set(codes)) >= 70
