"""What code is counted, and whether it is the code that ran."""

import pytest

from tests.verify.folders import SCRIPT, packed, record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of

SEEDS = (42, 314, 999)


def dumped(source):
    """Logs that begin with their script, as many do."""
    return {f"train_seed{seed}.log": lambda text: source + "\n" + "=" * 100 + "\n" + text for seed in SEEDS}


def test_a_helper_outside_the_count_is_a_warning_that_says_whether_it_fits(tmp_path):
    script = "import helper\n" + SCRIPT
    small = record_folder(tmp_path, script=script, extra={"helper.py": "A = 1\n" * 50})
    assert check("code-bytes.helpers", small).status is WARN
    assert "below the cap" in worst_of(check("code-bytes.helpers", small)).sentence
    assert check("code-bytes.helpers", small, "strict").status is WARN
    large = record_folder(tmp_path / "b", script=script, extra={"helper.py": "A = 1\n" * 9000})
    assert check("code-bytes.helpers", large).found is WARN
    assert check("code-bytes.helpers", large, "strict").status is FAIL


def test_sources_that_do_not_run_are_no_helpers(tmp_path):
    folder = record_folder(tmp_path, extra={"prepare_data.py": "print('data')\n", "plot.py": "print('plot')\n"})
    assert check("code-bytes.helpers", folder).status is PASS
    assert not worst_of(check("code-bytes.helpers", folder)).noted


def test_a_stub_that_opens_the_real_script_counts_as_helped(tmp_path):
    stub = "exec(open('train_gpt_real.py').read())\n"
    folder = record_folder(tmp_path, script=stub, extra={"train_gpt_real.py": SCRIPT + "\n" * 40_000})
    finding = worst_of(check("code-bytes.helpers", folder))
    assert "train_gpt_real.py" in finding.sentence


@pytest.mark.parametrize("is_packed", [False, True])
def test_the_source_in_the_log_is_the_shipped_one(tmp_path, is_packed):
    folder = record_folder(tmp_path, is_packed=is_packed, edit=dumped(SCRIPT))
    result = check("code-bytes.shipped", folder)
    assert result.status is PASS
    assert not worst_of(result).noted


def test_comments_and_blank_lines_are_no_other_script(tmp_path):
    folder = record_folder(tmp_path, edit=dumped(SCRIPT.replace("\n\n\n", "\n# a word\n\n")))
    assert check("code-bytes.shipped", folder).status is PASS


def test_another_source_in_the_log_is_a_warning_that_shows_a_line(tmp_path):
    folder = record_folder(tmp_path, edit=dumped(SCRIPT.replace('"MATRIX_LR", 0.022', '"MATRIX_LR", 0.044')))
    result = check("code-bytes.shipped", folder)
    assert result.status is WARN
    assert any("MATRIX_LR" in place.quote for place in worst_of(result).places)
    assert worst_of(result).measured["lines"] == 2


def test_without_a_source_the_logged_size_speaks(tmp_path):
    assert check("code-bytes.shipped", record_folder(tmp_path)).status is PASS
    other = record_folder(tmp_path / "b", code_bytes=50_919)
    assert worst_of(check("code-bytes.shipped", other)).noted
    whole = record_folder(tmp_path / "c", is_packed=True, code_bytes=len(SCRIPT))
    assert not worst_of(check("code-bytes.shipped", whole)).noted
    assert len(packed(SCRIPT)) < len(SCRIPT)


def test_no_script_is_unproven(tmp_path):
    folder = record_folder(tmp_path, without=["train_gpt.py"])
    assert check("code-bytes.shipped", folder).status is UNPROVEN
