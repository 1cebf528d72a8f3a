"""Sizes: by every named measure, stated and logged."""

import pytest

from tests.verify.folders import SCRIPT, record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of

CODE = len(SCRIPT)


def test_a_seed_over_the_cap_by_every_measure_fails_and_names_the_lines(tmp_path):
    folder = record_folder(tmp_path, per_seed={314: {"model_bytes": 16_000_001 - CODE}})
    result = check("artifact-bytes.runs", folder)
    assert result.status is FAIL
    failed = [finding for finding in result.findings if finding.status is FAIL]
    assert len(failed) == 1
    assert "seed 314" in failed[0].sentence
    assert {place.file for place in failed[0].places} >= {"train_seed314.log"}
    assert all(place.line for place in failed[0].places if place.file.endswith(".log"))


@pytest.mark.parametrize(("total", "status"), [(16_000_000, PASS), (16_000_001, FAIL)])
def test_the_cap_is_sixteen_million_decimal_and_may_be_reached(tmp_path, total, status):
    folder = record_folder(tmp_path, model_bytes=total - CODE)
    assert check("artifact-bytes.runs", folder).status is status


def test_an_unpacked_code_size_in_the_log_warns_where_what_is_shipped_is_below(tmp_path):
    folder = record_folder(tmp_path, is_packed=True, code_bytes=66_000)
    result = check("artifact-bytes.runs", folder)
    assert result.status is WARN
    assert any(precedent.pr == 1412 for precedent in worst_of(result).precedents)


def test_a_logged_wrapper_with_the_plain_script_over_is_a_note_on_the_board_and_a_failure_to_the_letter(tmp_path):
    folder = record_folder(tmp_path, code_bytes=4_000, model_bytes=15_990_000)
    on_board = check("artifact-bytes.runs", folder)
    assert on_board.status is PASS
    assert worst_of(on_board).noted
    assert check("artifact-bytes.runs", folder, "readme-2026-03").status is FAIL
    assert check("artifact-bytes.runs", folder, "strict").status is FAIL


def test_a_helper_that_takes_it_over_counts_under_strict_only(tmp_path):
    script = "import extra\n" + SCRIPT
    folder = record_folder(tmp_path, script=script, extra={"extra.py": "VALUE = 1\n" * 3000}, without=[])
    assert check("artifact-bytes.runs", folder).status is PASS
    assert check("artifact-bytes.runs", folder, "strict").status is FAIL


def test_a_smaller_decoy_total_before_the_real_one_does_not_make_it_a_plain_pass(tmp_path):
    def decoy(text):
        line = next(line for line in text.splitlines() if line.startswith("Total submission size"))
        return text.replace(line, "Total submission size int8+zlib: 15000000 bytes\n" + line)

    files = {f"train_seed{seed}.log": decoy for seed in (42, 314, 999)}
    folder = record_folder(tmp_path, model_bytes=16_100_000, edit=files)
    assert check("artifact-bytes.runs", folder).status in (WARN, FAIL)


def test_a_log_without_sizes_is_unproven(tmp_path):
    def without_sizes(text):
        return "".join(line for line in text.splitlines(keepends=True) if " bytes" not in line)

    files = {f"train_seed{seed}.log": without_sizes for seed in (42, 314, 999)}
    assert check("artifact-bytes.runs", record_folder(tmp_path, edit=files)).status is UNPROVEN


def test_a_stated_size_over_the_cap_without_logs_fails(tmp_path):
    logs = [f"train_seed{seed}.log" for seed in (42, 314, 999)]
    sizes = {"bytes_total": 16_000_001, "artifact_bytes_max": ...}
    folder = record_folder(tmp_path, submission=sizes, without=logs)
    assert check("artifact-bytes.stated", folder).status is FAIL


def test_a_rounded_size_below_the_largest_seed_is_noted(tmp_path):
    folder = record_folder(tmp_path, submission={"bytes_total": 15_900_000, "artifact_bytes_max": ...})
    result = check("artifact-bytes.stated", folder)
    assert result.status is PASS
    assert worst_of(result).noted
    assert "rounded" in worst_of(result).sentence
