"""Significance, dates, the waiver."""

import pytest

from tests.verify.folders import record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of

LOGS = [f"train_seed{seed}.log" for seed in (42, 314, 999)]
NEAR = {42: 1.0574, 314: 1.0575, 999: 1.0576}
BEHIND = {42: 1.0687, 314: 1.0690, 999: 1.0685}


def test_a_clear_gain_passes_under_every_policy(tmp_path):
    folder = record_folder(tmp_path, scores={42: 1.0471, 314: 1.0473, 999: 1.0472})
    for policy in ("board-2026-05", "readme-2026-03", "strict"):
        assert check("significance.frontier", folder, policy).status is PASS


def test_a_gain_below_the_readme_s_margin_passes_on_the_board_with_a_note(tmp_path):
    folder = record_folder(tmp_path, scores={42: 1.05700, 314: 1.05705, 999: 1.05695})
    result = check("significance.frontier", folder)
    assert result.status is PASS
    assert worst_of(result).noted
    assert check("significance.frontier", folder, "readme-2026-03").status is FAIL


def test_a_score_behind_the_record_is_a_warning_at_most_on_the_board(tmp_path):
    folder = record_folder(tmp_path, scores=BEHIND)
    result = check("significance.frontier", folder)
    assert result.found is FAIL
    assert result.status is WARN
    assert "behind" in worst_of(result).sentence


def test_one_seed_cannot_be_tested(tmp_path):
    folder = record_folder(tmp_path, seeds=(42,))
    assert check("significance.frontier", folder).status is UNPROVEN


def test_without_a_score_there_is_nothing_to_test(tmp_path):
    assert check("significance.frontier", record_folder(tmp_path, without=LOGS)).status is UNPROVEN


@pytest.mark.parametrize(("date", "status"), [("2026-04-30", PASS), ("2026-05-01", PASS), ("2026-05-02", WARN)])
def test_the_cut_off_is_the_first_of_may(tmp_path, date, status):
    folder = record_folder(tmp_path, submission={"date": date})
    assert check("chronology.cut-off", folder).status is status


def test_without_a_date_the_folder_s_name_speaks(tmp_path):
    assert check("chronology.cut-off", record_folder(tmp_path, submission={"date": ...})).status is PASS
    nameless = record_folder(tmp_path / "b", name="record", submission={"date": ...})
    assert check("chronology.cut-off", nameless).status is UNPROVEN


CLAIM = "- Fused kernels are a systems-only change, so no significance test is needed.\n"


def test_the_waiver_without_any_log_fails(tmp_path):
    folder = record_folder(tmp_path, without=LOGS, edit={"README.md": lambda text: text + CLAIM})
    result = check("systems-waiver.shown", folder)
    assert result.status is FAIL
    assert worst_of(result).places[0].line == 17


def test_the_waiver_with_logs_is_a_lead(tmp_path):
    folder = record_folder(tmp_path, edit={"README.md": lambda text: text + CLAIM})
    assert worst_of(check("systems-waiver.shown", folder)).lead
    assert check("systems-waiver.shown", record_folder(tmp_path / "b")).status is PASS
