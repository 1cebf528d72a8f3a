"""The two budgets of 600 s, and what is accepted at their edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.folders import record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, rules, worst_of
from verify.facts.clocks import late_calibrations, timer, training
from verify.logs.model import Calibration, Metric, Run, SeedResult, Value


@pytest.mark.parametrize(
    ("milliseconds", "status"),
    [
        (588_047, PASS),
        (600_000, PASS),
        (600_137, PASS),
        (600_500, PASS),
        (600_501, FAIL),
        (602_048, FAIL),
        (899_989, FAIL),
    ],
)
def test_training_may_end_with_the_step_that_runs_when_time_is_up(tmp_path, milliseconds, status):
    folder = record_folder(tmp_path, train_ms=milliseconds, hessian_seconds=None)
    assert check("train-time.runs", folder).status is status


def test_to_the_letter_600_001_ms_is_over(tmp_path):
    folder = record_folder(tmp_path, train_ms=600_001, hessian_seconds=None)
    assert check("train-time.runs", folder, "readme-2026-03").status is FAIL


def test_a_note_is_left_where_the_last_step_ends_late(tmp_path):
    finding = worst_of(check("train-time.runs", record_folder(tmp_path, train_ms=600_137)))
    assert finding.noted
    assert [precedent.pr for precedent in finding.precedents] == [1019]


def test_a_run_that_does_not_say_its_training_time_is_unproven(tmp_path):
    def without_times(text):
        return "".join(line for line in text.splitlines(keepends=True) if "train_time" not in line)

    files = {f"train_seed{seed}.log": without_times for seed in (42, 314, 999)}
    assert check("train-time.runs", record_folder(tmp_path, edit=files)).status is UNPROVEN


def test_one_seed_that_runs_past_its_time_stops_by_another_rule(tmp_path):
    folder = record_folder(tmp_path, per_seed={999: {"train_ms": 602_048}})
    result = check("train-time.stop-rule", folder)
    assert result.status is WARN
    assert "seed 999 at a forced step" in worst_of(result).sentence


@pytest.mark.parametrize(
    ("milliseconds", "hessian_seconds", "status"),
    [
        (588_047, 11.9, PASS),
        (588_047, 12.8, WARN),
        (599_592, 4.7, WARN),
        (599_700, 7.0, WARN),
        (599_512, 12.8, FAIL),
        (600_017, 3.0, FAIL),
    ],
)
def test_hessians_on_training_data_belong_to_the_training_budget(tmp_path, milliseconds, hessian_seconds, status):
    def named(text):
        return text.replace("from calibration data", "from training data").replace(
            "GPTQ:collected 67 Hessians", "GPTQ:collected 67 Hessians from train data"
        )

    files = {f"train_seed{seed}.log": named for seed in (42, 314, 999)}
    folder = record_folder(tmp_path, train_ms=milliseconds, hessian_seconds=hessian_seconds, edit=files)
    assert check("calib-in-train.runs", folder).status is status


def test_where_the_log_names_no_data_the_script_is_read(tmp_path):
    folder = record_folder(tmp_path, train_ms=600_017, hessian_seconds=3.0)
    result = check("calib-in-train.runs", folder)
    assert result.status is FAIL
    assert any(place.file == "train_gpt.py" for finding in result.findings for place in finding.places)


def test_calibration_that_the_log_puts_before_the_end_of_training_costs_nothing_more():
    run = Run(file="train.log", index=0, first_line=1, last_line=9, train_seconds=Value(599.9, 5, "stopping"))
    run.calibrations = [Calibration(4.0, "train", 3, "before"), Calibration(4.0, "train", 7, "after")]
    assert [part.line for part in late_calibrations(run)] == [7]


@pytest.mark.parametrize(
    ("milliseconds", "status"), [(366_525, PASS), (600_000, PASS), (600_001, FAIL), (708_400, FAIL)]
)
def test_the_pass_that_gives_the_score_ends_within_600_s(tmp_path, milliseconds, status):
    assert check("eval-time.runs", record_folder(tmp_path, eval_ms=milliseconds)).status is status


def test_all_passes_together_are_a_note_on_the_board_and_count_under_strict(tmp_path):
    folder = record_folder(tmp_path, eval_ms=500_000, sliding_ms=120_000)
    on_board = check("eval-time.runs", folder)
    assert on_board.status is PASS
    assert worst_of(on_board).noted
    assert check("eval-time.runs", folder, "strict").status is FAIL


def test_adaptation_outside_the_timer_is_added_to_it(tmp_path):
    def adapted(text):
        return text.replace("quantized_ttt val_loss", "ttt:done elapsed=889.4s\nquantized_ttt val_loss")

    files = {f"train_seed{seed}.log": adapted for seed in (42, 314, 999)}
    assert check("eval-time.runs", record_folder(tmp_path, edit=files)).status is FAIL


@pytest.mark.parametrize(("seconds", "status"), [(385.5, PASS), (385.6, PASS), (300.0, FAIL)])
def test_adaptation_whose_time_is_printed_twice_is_added_once(tmp_path, seconds, status):
    def adapted(text):
        lines = f"ttt:done elapsed=385.5s\nttt:elapsed={seconds}s\nquantized_ttt val_loss"
        return text.replace("quantized_ttt val_loss", lines)

    files = {f"train_seed{seed}.log": adapted for seed in (42, 314, 999)}
    assert check("eval-time.runs", record_folder(tmp_path, eval_ms=78_668, edit=files)).status is status


def test_a_score_without_its_time_beside_a_long_pass_is_a_lead(tmp_path):
    def untimed(text):
        head, _, tail = text.rpartition(" eval_time:")
        return head + "\n" + tail.partition("\n")[2]

    files = {f"train_seed{seed}.log": untimed for seed in (42, 314, 999)}
    long = worst_of(check("eval-time.runs", record_folder(tmp_path, sliding_ms=3_161_390, edit=files)))
    assert long.lead
    assert "3161.4 s" in long.sentence
    short = worst_of(check("eval-time.runs", record_folder(tmp_path / "b", edit=files)))
    assert short.status is UNPROVEN
    assert not short.lead


def test_the_limits_are_not_those_of_the_other_track(tmp_path):
    folder = record_folder(tmp_path, track="track_non_record_16mb", train_ms=14_400_000, eval_ms=900_000)
    for code in ("train-time.runs", "eval-time.runs", "calib-in-train.runs"):
        assert check(code, folder).findings == ()


@given(seconds=st.floats(0.001, 1e6), again=st.floats(0.001, 1e6))
def test_the_timer_is_never_less_than_the_claimed_pass_and_names_its_line(seconds, again):
    metric = Metric("quantized_ttt", "ttt", 2.7, 1.05, seconds, 7, "line")
    other = Metric("quantized", "post_quant", 2.8, 1.07, again, 5, "line")
    run = Run(file="train.log", index=0, first_line=1, last_line=9, metrics=[other, metric])
    clock = timer(SeedResult(run, "claimed", 42, metric=metric, metric_run=run))
    assert clock is not None
    assert clock.seconds == seconds
    assert [place.line for place in clock.places] == [7]


def test_a_run_without_a_clock_has_no_training_time():
    assert training(SeedResult(Run("a.log", 0, 1, 2), "claimed", 42)) is None


def test_every_check_of_the_clocks_says_what_to_do():
    mine = [rule for code, rule in rules().items() if code.startswith(("train-time.", "calib-in-train.", "eval-time."))]
    assert len(mine) >= 5
    assert all(rule.remedy and rule.sentence for rule in mine)
