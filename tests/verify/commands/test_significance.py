"""`verify significance` and `verify frontier`, as a user types them."""

import json

import click
import pytest
from click.testing import CliRunner

from tests.verify.folders import record_folder
from verify.commands.significance import frontier, significance
from verify.errors import BadInput

README_RULES = ["board", "README, nats per token", "README, nats per byte"]


def run(command: click.Command, *words: str) -> tuple[int, str]:
    found = CliRunner(env={"COLUMNS": "200"}).invoke(command, list(words))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.output


def as_json(command: click.Command, *words: str):
    return json.loads(run(command, *words, "--json")[1])


def test_two_rows_are_tested_and_the_exit_code_answers_the_rule_of_the_board():
    code, text = run(significance, "1514", "1493")
    assert code == 0
    assert "0.0203" in text
    assert "met board: p < 0.25, p = 0.0203" in text


def test_a_p_that_is_small_is_never_nought():
    text = run(significance, "1394", "1334")[1]
    assert "<0.0001" in text
    assert "p < 0.25, p < 0.0001;" in text
    assert "two-sided p < 0.0001;" in text
    assert "0.0000" not in text + run(frontier)[1]


def test_a_row_alone_is_tested_against_the_best_row_before_it():
    code, text = run(significance, "1855")
    assert code == 1
    assert "PR 1855 against PR 1851 (the best row before PR 1855)" in text
    assert "16,112,007 bytes is over 16,000,000" in text
    assert "pooled regardless, 6 against 3" in text


@pytest.mark.parametrize(("rule", "code"), [("board", 0), ("token", 0), ("byte", 1)])
def test_the_rule_can_be_chosen(rule, code):
    assert run(significance, "1529", "1514", "--rule", rule)[0] == code


@pytest.mark.parametrize(
    ("words", "word"),
    [(("1.07", "1493"), "one value"), (("1.08,1.08", "1493"), "the same"), (("nan,1.08", "1493"), "not every value")],
)
def test_what_cannot_be_told_has_its_own_exit_code_and_says_why(words, word):
    code, text = run(significance, *words)
    assert code == 3
    assert word in text
    assert "cannot be told" in text


def test_json_holds_every_run_test_and_rule():
    found = as_json(significance, "1855", "1868")
    assert found["schema"] == "pgolf.significance/1"
    assert [one["name"] for one in found["rules"]] == README_RULES
    assert [one["decides"] for one in found["tests"]].count(True) == 1
    assert {one["admission"] for one in found["runs"]} == {"admissible", "not admissible"}
    assert found["tests"][0]["comparison"]["p"] == pytest.approx(0.3554, abs=5e-5)


def test_pooling_lets_the_admissible_runs_decide():
    alone, pooled = as_json(significance, "1855", "1851"), as_json(significance, "1855", "1851", "--pool")
    deciding = [next(one for one in found["tests"] if one["decides"]) for found in (alone, pooled)]
    assert [one["kind"] for one in deciding] == ["own", "pooled"]
    assert deciding[1]["comparison"]["n_old"] == 6
    assert pooled["rules"][0]["p"] == deciding[1]["comparison"]["p"]


def test_without_anything_admissible_pooling_changes_nothing():
    assert as_json(significance, "1855", "1868", "--pool") == as_json(significance, "1855", "1868")


def test_the_margin_can_be_changed():
    found = as_json(significance, "1514", "1493", "--margin", "0.001")
    strict = as_json(significance, "1514", "1493")
    assert found["rules"][0] == strict["rules"][0]
    assert found["rules"][1]["p"] < strict["rules"][1]["p"]


@pytest.mark.parametrize("words", [("--variant", "caseops"), ("--bytes-per-token", "3.157152")])
def test_bytes_per_token_can_be_given(words):
    found = as_json(significance, "1.05,1.051", "1.06,1.062", *words)
    assert found["bytes_per_token"] == 3.157152
    assert [one["name"] for one in found["rules"]] == README_RULES


def test_bare_values_have_no_test_per_token():
    found = as_json(significance, "1.05,1.051", "1.06,1.062")
    assert [one["name"] for one in found["rules"]] == ["board", "README, nats per byte"]
    assert run(significance, "1.05,1.051", "1.06,1.062", "--rule", "token")[0] == 3


def test_a_folder_is_read(tmp_path):
    folder = record_folder(tmp_path)
    found = as_json(significance, str(folder))
    assert found["runs"][0]["n"] == 3
    assert "or earlier" in found["found_by"]
    assert run(significance, str(folder), "1855")[0] == 0


def test_it_says_how_many_seeds_it_would_take():
    seeds = {
        one["name"]: (one["seeds_each"], one["why_no_seeds"]) for one in as_json(significance, "1855", "1868")["rules"]
    }
    assert seeds["board"] == (44, None)
    assert "not above the margin" in seeds["README, nats per token"][1]


def test_an_experiment_is_planned():
    rows = as_json(significance, "--power", "--std", "0.0006", "--gap", "0.001")["plan"]
    assert [(one["p_below"], one["seeds"]) for one in rows] == [(0.01, 9), (0.05, 6), (0.25, 3)]
    gaps = as_json(significance, "--power", "--std", "0.0006", "--seeds", "3")["plan"]
    assert [round(one["gap_bpb"], 5) for one in gaps] == [0.00294, 0.00162, 0.00078]
    assert "0.002940" in run(significance, "--power", "--std", "0.0006", "--seeds", "3")[1]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("77777",),
        ("1855", "77777"),
        ("1855", "--variant", "sp999"),
        ("1855", "--variant", "sp1024", "--bytes-per-token", "2.4"),
        ("1855", "--std", "0.001"),
        ("--power",),
        ("--power", "--std", "0.001"),
        ("--power", "--std", "0.001", "--gap", "0.001", "--seeds", "3"),
        ("--power", "--std", "0", "--gap", "0.001"),
        ("--power", "--std", "0.001", "--seeds", "1"),
        ("1855", "--power", "--std", "0.001", "--seeds", "3"),
        ("1855", "--board", "none.json"),
        ("1855", "--chance", "0.5"),
        ("1855", "--margin", "nan"),
        ("1855", "--margin", "inf"),
        ("1855", "--bytes-per-token", "inf"),
        ("1855", "1855"),
        ("--power", "--std", "0.001", "--gap", "0"),
        ("--power", "--std", "0.001", "--gap", "-1"),
        ("--power", "--std", "0.001", "--gap", "inf"),
        ("--power", "--std", "inf", "--gap", "0.001"),
        ("--power", "--std", "0.001", "--gap", "0.001", "--pool"),
        ("1.08,,1.09", "1855"),
        ("1.0.7±0.0007×3", "1855"),
        ("x" * 5000, "1855"),
    ],
)
def test_bad_input_names_a_remedy(words):
    with pytest.raises(BadInput) as found:
        run(significance, *words)
    assert str(found.value).endswith(".")
    assert len(str(found.value).splitlines()) == 1


def test_the_frontier_has_a_gain_and_a_p_for_every_step_that_can_be_tested():
    rows = as_json(frontier)["rows"]
    assert [row["pr"] for row in rows[-4:]] == [1945, 1953, 2014, 2135]
    assert [round(row["p"], 4) for row in rows[-4:]] == [0.0560, 0.0904, 0.0202, 0.0138]
    assert all(row["gain_bpb"] > 0 for row in rows[1:])
    assert sum(row["p"] is not None for row in rows) == 33


def test_a_single_run_is_tested_by_its_reproduction_and_the_row_says_so():
    row = next(row for row in as_json(frontier)["rows"] if row["pr"] == 1851)
    assert row["tested"] == "PR 1851: PR 1868, compliance re-run"
    assert round(row["p"], 4) == 0.0240


def test_the_frontier_of_a_day_ends_there():
    rows = as_json(frontier, "--date", "2026-04-08")["rows"]
    assert rows[-1]["pr"] == 1477
    assert len(as_json(frontier, "--date", "2026-04-08", "--all")["rows"]) > len(rows)


def test_the_frontier_prints_one_line_for_each_record():
    code, text = run(frontier)
    assert code == 0
    assert "2026-03-19    86" in text
    assert "1.1502?" in text
    assert "(not reproduced)" in text
    assert "33 of 43 can be tested: 32 at p < 0.25" in text


def test_the_other_track_is_apart():
    rows = as_json(frontier, "--non-record")["rows"]
    assert len(rows) == 15
    assert 1855 not in {row["pr"] for row in rows}


def test_the_published_comparisons_are_printed():
    code, text = run(frontier, "--published")
    assert code == 0
    assert len([line for line in text.splitlines() if line.startswith("PR ")]) == 19
    assert len(as_json(frontier, "--published")["comparisons"]) == 19


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "2026-02-30"])
def test_a_day_that_is_none_is_bad_input(day):
    with pytest.raises(BadInput, match="2026-04-09"):
        run(frontier, "--date", day)


@pytest.mark.parametrize("words", [("--date", "2026-04-01"), ("--all",), ("--non-record",)])
def test_the_published_comparisons_take_no_choice_of_rows(words):
    with pytest.raises(BadInput, match=words[0]):
        run(frontier, "--published", *words)


def test_a_day_before_the_first_row_says_so():
    with pytest.raises(BadInput, match="2026-03-18"):
        run(frontier, "--date", "2020-01-01")
