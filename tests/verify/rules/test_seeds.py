"""Seeds: how many, each its own run, one configuration, and which statistic."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.folders import record_folder
from tests.verify.rules.judged import FAIL, PASS, WARN, check, worst_of
from verify.facts.settings import differences, same
from verify.logs.model import Metric, Run, SeedResult, Value


@pytest.mark.parametrize(
    ("seeds", "status"), [((42,), WARN), ((42, 314), WARN), ((42, 314, 999), PASS), ((1, 2, 3, 4, 5), PASS)]
)
def test_three_seeds_are_asked_for(tmp_path, seeds, status):
    assert check("seeds.count", record_folder(tmp_path, seeds=seeds)).status is status


def test_too_few_seeds_fail_under_strict(tmp_path):
    assert check("seeds.count", record_folder(tmp_path, seeds=(42,)), "strict").status is FAIL


def test_one_log_under_three_names_is_one_run(tmp_path):
    folder = record_folder(tmp_path, scores=dict.fromkeys((42, 314, 999), 1.05412873))
    log = (folder / "train_seed42.log").read_bytes()
    for seed in (314, 999):
        (folder / f"train_seed{seed}.log").write_bytes(log)
    result = check("seeds.own-runs", folder)
    assert result.status is FAIL
    assert len(worst_of(result).places) == 3
    assert worst_of(check("log-consistency.reading", folder)).noted


def test_one_score_to_all_digits_under_two_seeds_fails(tmp_path):
    folder = record_folder(tmp_path, scores={42: 1.05412873, 314: 1.05412873, 999: 1.05437066})
    result = check("seeds.own-runs", folder)
    assert result.status is FAIL
    assert "1.05412873" in worst_of(result).sentence


def test_scores_equal_in_four_digits_are_no_copy(tmp_path):
    def rounded(text):
        return text.replace("val_bpb:1.05412873", "val_bpb:1.0541")

    files = {f"train_seed{seed}.log": rounded for seed in (42, 314)}
    folder = record_folder(tmp_path, scores={42: 1.05412873, 314: 1.05412873, 999: 1.05437066}, edit=files)
    assert check("seeds.own-runs", folder).status is PASS


def test_a_copy_of_a_log_beside_it_is_no_second_run(tmp_path):
    folder = record_folder(tmp_path)
    (folder / "train.log").write_bytes((folder / "train_seed42.log").read_bytes())
    assert check("seeds.own-runs", folder).status is PASS
    assert check("log-consistency.reading", folder).findings[0].noted


def test_a_log_named_after_another_seed_is_a_warning(tmp_path):
    folder = record_folder(tmp_path, per_seed={999: {"seed_in_log": 1337}})
    result = check("seeds.file-names", folder)
    assert result.status is WARN
    assert Path(worst_of(result).places[0].file).name == "train_seed999.log"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"matrix_lr": 0.026}, FAIL),
        ({"max_wallclock_seconds": 590.0}, FAIL),
        ({"train_shards": 80}, WARN),
        ({"world_size": 4}, PASS),  # hardware says so
        ({"steps": 4400}, PASS),
    ],
)
def test_all_seeds_have_one_configuration(tmp_path, change, status):
    assert check("seeds.one-configuration", record_folder(tmp_path, per_seed={314: change})).status is status


def test_time_reserved_for_calibration_is_part_of_the_configuration(tmp_path):
    def reserve(text):
        return text.replace("reserving 12s, effective=588000ms", "reserving 9s, effective=591000ms")

    folder = record_folder(tmp_path, edit={"train_seed999.log": reserve})
    assert check("seeds.one-configuration", folder).status is FAIL


def test_a_value_that_every_run_has_of_its_own_may_follow_from_the_seed(tmp_path):
    def strided(seed):
        return lambda text: text.replace("  eval_stride: 64", f"  eval_stride: {seed + 1}")

    files = {f"train_seed{seed}.log": strided(seed) for seed in (42, 314, 999)}
    result = check("seeds.one-configuration", record_folder(tmp_path, edit=files))
    assert result.status is WARN
    assert "eval_stride 315 / 43 / 1000" in worst_of(result).sentence


def test_lines_of_another_program_are_no_settings(tmp_path):
    def visited(seed):
        return lambda text: text.replace("  eval_stride", f"  visited_page: {seed % 2}\n  eval_stride")

    files = {f"train_seed{seed}.log": visited(seed) for seed in (42, 314, 999)}
    assert check("seeds.one-configuration", record_folder(tmp_path, edit=files)).status is PASS


def test_a_study_outside_the_record_track_may_compare_settings(tmp_path):
    folder = record_folder(tmp_path, track="track_non_record_16mb", per_seed={314: {"matrix_lr": 0.04}})
    assert check("seeds.one-configuration", folder).status is WARN


def test_runs_that_are_not_known_to_be_the_claim_may_differ(tmp_path):
    nothing = {"val_bpb": ..., "seed_results": ..., "seeds": ...}
    folder = record_folder(tmp_path, per_seed={314: {"matrix_lr": 0.04}}, submission=nothing, without=["README.md"])
    assert check("seeds.one-configuration", folder).status is WARN


def test_a_switch_of_an_evaluation_that_is_not_claimed_is_a_warning():
    def run(seed, ttt):
        made = Run(f"train_seed{seed}.log", 0, 1, 9)
        made.settings = {"ttt_enabled": Value(ttt, 3, f"ttt_enabled: {ttt}")}
        metric = Metric("quantized_sliding_window", "sliding", 2.7, 1.08, 90.0, 8, "line")
        return SeedResult(made, "claimed", seed, metric=metric, metric_run=made)

    found = differences([run(42, "True"), run(314, "False")])
    assert [(difference.name, difference.kind) for difference in found] == [("ttt_enabled", "evaluation")]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1e-3", "0.001", True),
        ("True", "1", True),
        ("8", "8.0", True),
        ("0.02", "0.022", False),
        ("sp1024", "sp8192", False),
    ],
)
def test_values_are_compared_by_what_they_mean(one, other, equal):
    assert same(one, other) is equal


@given(st.text(max_size=30))
def test_a_value_is_the_same_as_itself(text):
    assert same(text, text)


def test_the_best_seed_for_the_mean_is_a_warning_with_its_precedent(tmp_path):
    folder = record_folder(
        tmp_path, submission={"val_bpb": 1.05398214, "val_loss": ..., "val_bpb_std": ...}, without=["README.md"]
    )
    result = check("seeds.statistic", folder)
    assert result.status is WARN
    assert worst_of(result).precedents
    assert check("seeds.statistic", record_folder(tmp_path / "b")).status is PASS


def test_seeds_that_the_readme_says_were_chosen_are_a_warning(tmp_path):
    folder = record_folder(tmp_path, edit={"README.md": lambda text: text + "\nWe report the best 3 of 7 seeds.\n"})
    result = check("seeds.statistic", folder)
    assert result.status is WARN
    assert check("seeds.statistic", folder, "readme-2026-03").status is FAIL


def test_seeds_of_ten_digits_are_noted(tmp_path):
    folder = record_folder(tmp_path, seeds=(42, 314, 2884431328))
    assert worst_of(check("external-compute.seeds", folder)).noted
    plain = record_folder(tmp_path / "b", seeds=(0, 1337, 20260417))
    assert not worst_of(check("external-compute.seeds", plain)).noted
