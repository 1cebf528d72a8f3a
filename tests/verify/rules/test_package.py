"""What a folder has to hold."""

import pytest

from tests.verify.folders import record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of

LOGS = [f"train_seed{seed}.log" for seed in (42, 314, 999)]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("README.md", "package-files.readme"),
        ("submission.json", "package-files.metadata"),
        ("train_gpt.py", "package-files.script"),
    ],
)
def test_a_missing_file_is_a_warning_on_the_board_and_a_failure_to_the_letter(tmp_path, file, code):
    folder = record_folder(tmp_path, without=[file])
    assert check(code, folder).status is WARN
    assert check(code, folder, "readme-2026-03").status is FAIL
    assert check(code, record_folder(tmp_path / "b"), "strict").status is PASS


def test_a_score_without_a_log_fails(tmp_path):
    result = check("package-files.logs", record_folder(tmp_path, without=LOGS))
    assert result.status is FAIL
    assert "1.05416" in worst_of(result).sentence


def test_a_scaffold_without_score_and_log_fails(tmp_path):
    nothing = {"val_bpb": None, "val_loss": None, "seed_results": ..., "seeds": []}
    plain = {"README.md": lambda text: "# To be done\n\nThe three logs follow.\n"}
    folder = record_folder(tmp_path, submission=nothing, without=LOGS, edit=plain)
    assert check("package-files.logs", folder).status is FAIL
    assert check("chronology.cut-off", folder).status is WARN


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "not json", '{"val_bpb": 1.05,}'])
def test_broken_json_is_no_metadata(tmp_path, text):
    folder = record_folder(tmp_path, edit={"submission.json": lambda _: text})
    assert check("package-files.metadata", folder, "readme-2026-03").status is FAIL


@pytest.mark.parametrize("key", ["author", "name", "date", "val_loss"])
def test_a_missing_field_is_noted(tmp_path, key):
    finding = worst_of(check("package-files.metadata", record_folder(tmp_path, submission={key: ...})))
    assert finding.noted
    assert key in finding.sentence


def test_a_bpb_in_the_place_of_the_loss_is_noted(tmp_path):
    folder = record_folder(tmp_path, submission={"val_loss": 1.05416051})
    assert "wrong unit" in worst_of(check("package-files.metadata", folder)).sentence


def test_a_lost_digit_is_out_of_range(tmp_path):
    folder = record_folder(tmp_path, submission={"val_bpb": 0.1054})
    assert check("package-files.metadata", folder).status is WARN


def test_an_empty_script_fails_and_a_broken_one_is_unproven(tmp_path):
    assert check("package-files.script", record_folder(tmp_path, script="")).status is FAIL
    assert check("package-files.script", record_folder(tmp_path / "b", script="def f(:\n")).status is UNPROVEN


def test_a_script_of_another_name_is_a_warning(tmp_path):
    folder = record_folder(tmp_path)
    (folder / "train_gpt.py").rename(folder / "train_mine.py")
    assert check("package-files.script", folder).status is WARN


def test_a_command_that_calls_a_missing_file_is_noted(tmp_path):
    folder = record_folder(
        tmp_path, edit={"README.md": lambda text: text.replace("8 train_gpt.py", "8 train_gpt_sweep.py")}
    )
    finding = worst_of(check("package-files.references", folder))
    assert finding.noted
    assert "train_gpt_sweep.py" in finding.sentence


def test_a_symlink_is_no_file_of_a_submission(tmp_path):
    folder = record_folder(tmp_path)
    (folder / "weights.bin").symlink_to("/etc/hostname")
    result = check("package-files.names", folder)
    assert result.status is WARN
    assert "weights.bin" in worst_of(result).sentence


def test_spaces_in_names_are_noted(tmp_path):
    assert worst_of(check("package-files.names", record_folder(tmp_path, name="2026-04-30_my record"))).noted
    assert not worst_of(check("package-files.names", record_folder(tmp_path / "b"))).noted


def test_a_log_in_an_unknown_dialect_leaves_the_question_open(tmp_path):
    """Files that may be logs are no missing logs, whatever the reader makes of them."""
    rows = "".join(f"epoch {n} of 40 ~ training objective {9 / n:.4f} ~ held out {10 / n:.4f}\n" for n in range(1, 41))
    folder = record_folder(tmp_path, without=LOGS, extra={"train.log": rows})
    result = check("package-files.logs", folder)
    assert result.status is UNPROVEN
    assert worst_of(result).places[0].file == "train.log"


def test_an_empty_log_is_none(tmp_path):
    folder = record_folder(tmp_path, without=LOGS, extra={"train.log": "to be uploaded\n"})
    assert check("package-files.logs", folder).status is FAIL


def test_outside_the_ten_minute_track_the_board_took_folders_without_logs(tmp_path):
    folder = record_folder(tmp_path, track="track_non_record_16mb", without=LOGS)
    assert check("package-files.logs", folder).status is WARN
    assert check("package-files.logs", folder, "readme-2026-03").status is FAIL
