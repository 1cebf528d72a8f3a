"""What is odd in logs is found, and what is not odd is not."""

import pytest

from tests.verify.logs.written import RULE, SOURCE, Written, only_run, read
from verify.logs import anomalies
from verify.logs.choice import main_run
from verify.logs.claims import claim_of
from verify.logs.model import Claim, SeedResult


def results(*logs) -> list[SeedResult]:
    from tests.verify.logs.test_claims import submission

    return claim_of(submission(), list(logs)).results


def test_copies_are_found_by_bytes_by_run_and_by_curve():
    text = Written(seed=1).starter()
    other_seed = text.replace("seed:1\n", "seed:2\n").replace("1.22296644", "1.22200000")
    logs = [
        read(text, "a.log"),
        read(text, "b.log"),
        read(text + "a further line\n", "c.log"),
        read(other_seed, "d.log"),
    ]
    found = {(copy.of, copy.file): (copy.by, copy.seeds) for copy in anomalies.copies(logs)}
    assert found[("a.log", "b.log")] == ("bytes", (1, 1))
    assert found[("a.log", "c.log")] == ("run", (1, 1))
    assert found[("a.log", "d.log")] == ("curve", (1, 2))


def test_one_run_under_two_seeds_is_a_copied_curve():
    text = Written(seed=1).starter()
    (copy,) = anomalies.copies([read(text, "a.log"), read(text.replace("seed:1\n", "seed:2\n"), "b.log")])
    assert (copy.by, copy.seeds) == ("curve", (1, 2))


def test_runs_of_two_seeds_are_no_copies():
    assert anomalies.copies([read(Written(seed=seed).starter(), f"{seed}.log") for seed in (1, 2, 42)]) == []


def test_a_log_that_stops_in_training_is_found():
    text = Written().starter()
    cut = read(text[: text.index("stopping_early")], "cut.log")
    assert [run.file for run in anomalies.cut_runs([cut, read(text, "whole.log")])] == ["cut.log"]


def test_steps_times_step_time_is_the_clock():
    assert anomalies.step_time_errors(only_run(Written().starter())) == []
    text = Written().starter().replace("step:5000/20000", "step:9000/20000")
    assert [error.point.step for error in anomalies.step_time_errors(only_run(text))] == [9000]


def test_a_clock_that_falls_is_found():
    assert anomalies.clock_falls(only_run(Written().starter())) == []
    text = Written().starter().replace(f"train_time:{599847 * 5000 // 14421}ms", "train_time:20ms")
    assert [point.step for point in anomalies.clock_falls(only_run(text))] == [5000]


@pytest.mark.parametrize(("change", "lines"), [("", 0), ("\n\n\n", 0), ("extra = 1\n", 1)])
def test_a_printed_script_is_compared_with_the_shipped_ones(change, lines):
    log = read(f"{SOURCE}\n{RULE}\n{Written().starter()}")
    source = anomalies.source_of(log, main_run(log))
    found = anomalies.compare_source(
        source, {"other.py": "pass\n", "train_gpt.py": SOURCE.replace("\n", "\r\n") + change}
    )
    assert (found.path, found.lines, found.is_same) == ("train_gpt.py", lines, lines == 0)
    assert anomalies.source_bytes(source) == len(SOURCE.encode())


@pytest.mark.parametrize(
    ("shipped", "only"), [("SEED = 42", True), ("SEED = 7\nrate = 2", False), ("seed_all = 7", False)]
)
def test_scripts_that_differ_in_a_default_seed_only_are_told(shipped, only):
    log = read(f"import os\nimport sys\nSEED = 7\nmain(os, sys)\nrun()\n{RULE}\n{Written().starter()}")
    text = log.sources[0].text.replace("SEED = 7", shipped)
    assert anomalies.compare_source(log.sources[0], {"train_gpt.py": text}).is_seed_only is only


def test_nothing_shipped_compares_with_nothing():
    log = read(f"{SOURCE}\n{RULE}\n{Written().starter()}")
    assert anomalies.compare_source(log.sources[0], {}) is None


def test_every_run_of_a_file_has_its_own_script():
    second = SOURCE.replace("import sys", "import sys  # second")
    log = read(f"{SOURCE}\n{RULE}\n{Written().starter()}{second}\n{RULE}\n{Written().starter()}")
    assert ["second" in anomalies.source_of(log, run).text for run in log.runs] == [False, True]


def test_a_name_with_another_seed_than_the_log_is_found():
    found = anomalies.seeds_in_conflict(
        results(read(Written(seed=1337).starter(), "train_seed0.log"), read(Written(seed=42).starter(), "seed42.log"))
    )
    assert [result.run.file for result in found] == ["train_seed0.log"]


def test_one_seed_twice_is_found():
    logs = [read(Written(seed=1337, bpb=bpb).starter(), f"v{bpb}.log") for bpb in (1.1, 1.2)]
    assert list(anomalies.repeated_seeds(results(*logs))) == [1337]
    assert (
        anomalies.repeated_seeds(results(*[read(Written(seed=seed).starter(), f"{seed}.log") for seed in (1, 2)])) == {}
    )


def test_settings_that_differ_are_found_and_those_of_the_run_itself_are_not():
    same = [read(Written(seed=seed).block(), f"{seed}.log") for seed in (0, 42)]
    assert anomalies.setting_differences([main_run(log) for log in same]) == []
    other = read(Written(seed=7, world_size=2).block().replace("adam_wd: 0.02", "adam_wd: 0.05"), "7.log")
    found = {row.name: row for row in anomalies.setting_differences([main_run(log) for log in (*same, other)])}
    assert set(found) == {"adam_wd", "world_size"}
    assert found["adam_wd"].values["7.log"] == ("0.05", 2)


@pytest.mark.parametrize(("a", "b"), [("600", "600.0"), ("True", "1"), ("1e-08", "0.00000001")])
def test_one_value_written_in_two_ways_is_no_difference(a, b):
    runs = [
        only_run(f"Hyperparameters:\n  thing: {value}\n  seed: 1\nquantized val_loss:1.0 val_bpb:0.5\n")
        for value in (a, b)
    ]
    runs[1].file = "other.log"
    assert anomalies.setting_differences(runs) == []


def test_a_score_after_the_claimed_one_is_found():
    text = Written().block()
    (result,) = results(read(text + "final_ttt val_loss:3.07421378 val_bpb:1.33603200\n"))
    result.metric = next(metric for metric in result.run.metrics if metric.label == "quantized_ttt_phased")
    assert anomalies.later_score(result).val_bpb == 1.336032
    result.metric = result.run.metrics[-1]
    assert anomalies.later_score(result) is None


@pytest.mark.parametrize(
    ("std", "kind"), [(0.0010, "sample"), (0.0008, "population"), (0.0100, "neither"), (None, None)]
)
def test_the_kind_of_a_claimed_standard_deviation_is_told(std, kind):
    assert anomalies.std_kind(Claim(std=std, std_sample=0.001, std_population=0.00082)) == kind


def test_the_clock_of_a_logger_gives_the_time_between_two_lines():
    run = only_run(
        "1776142360.0 seed:1\n1776142361.5 quantized val_loss:2.0 val_bpb:1.1\n1776142460.0 final_ttt val_loss:1.9 val_bpb:1.0\n"
    )
    assert anomalies.wall_seconds(run, 1, 3) == 100.0
    assert anomalies.wall_seconds(only_run(Written().starter()), 1, 99) is None
