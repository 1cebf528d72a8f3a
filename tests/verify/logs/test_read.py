"""What is read of whole logs: values with their lines, runs, embedded scripts; and what is not made up."""

import math
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.verify.logs.written import RULE, SOURCE, Written, only_run, read


def test_the_starter_log_gives_every_fact_with_its_line():
    written = Written()
    text = written.starter()
    run = only_run(text)
    facts = {
        name: getattr(run, name).value
        for name in ("seed", "steps", "iterations", "val_tokens", "train_shards", "parameters")
    }
    assert facts == {
        "seed": 1337,
        "steps": 14421,
        "iterations": 20000,
        "val_tokens": 62021632,
        "train_shards": 25,
        "parameters": 17059912,
    }
    assert run.train_seconds.value == 599.847
    assert run.ms_per_step.value == round(599847 / 14421, 3)
    assert run.max_wallclock_seconds.value == 600.0
    assert run.stopped_by_clock.value is True
    assert (run.gpu.value, run.world_size.value) == ("8x NVIDIA H100 80GB HBM3", 8)
    assert (run.torch_version.value, run.python_version.value) == ("2.9.1+cu128", "3.12.3")
    assert run.tokenizer.value.endswith("fineweb_1024_bpe.model")
    lines = text.split("\n")
    for value in (run.seed, run.steps, run.train_seconds, run.val_tokens, *run.metrics, *run.sizes):
        assert lines[value.line - 1].strip() == value.text
    assert (run.kind, run.is_complete) == ("train", True)


def test_the_exact_score_takes_the_time_of_the_rounded_one():
    last = only_run(Written().starter()).metrics[-1]
    assert (last.label, last.val_loss, last.val_bpb, last.eval_seconds) == (
        "final_int8_zlib_roundtrip_exact",
        2.0649276,
        1.22296644,
        1.284,
    )


def test_the_total_with_the_uncompressed_model_is_not_the_artifact():
    written = Written()
    run = only_run(written.starter())
    assert run.total.bytes == written.model + written.code
    assert run.sizes_of("total_raw")[0].bytes == written.raw + written.code


def test_a_total_without_a_label_is_the_artifact_where_it_is_no_such_sum():
    run = only_run(
        "Serialized model: 100000 bytes\nCode size: 500 bytes\nTotal submission size: 15182827 bytes (15.18 MB)\n"
    )
    assert run.total.bytes == 15182827


def test_the_block_dialect_gives_settings_calibration_and_times():
    run = only_run(Written(seed=42, steps=4832, train_ms=587091, loss=2.76951521, bpb=1.07216564).block())
    assert run.settings["adam_wd"].value == "0.02"
    assert (run.seed.value, run.world_size.value, run.steps.value, run.train_seconds.value) == (42, 8, 4832, 587.091)
    collected = next(of for of in run.calibrations if of.stage == "collect")
    assert (collected.seconds, collected.data) == (12.7, None)
    assert run.total_eval_seconds.value == 481.2
    assert run.of_kind("compile_warmup")[0].fields == {"seconds": 107.0}
    assert run.of_kind("ttt_phased")[0].fields["prefix_docs"] == 2000
    assert [metric.family for metric in run.metrics] == ["step", "pre_quant", "post_quant", "ttt"]


def test_a_clock_in_tenths_of_minutes_is_no_train_time():
    text = "Hyperparameters:\n  seed: 1\n1/20000 train_loss: 9.0 train_time: 0.0m\n500/20000 train_loss: 3.0 train_time: 9.9m\n"
    text += "500/20000 val_loss: 3.0 val_bpb: 1.2\nquantized val_loss:2.9 val_bpb:1.1\n"
    run = only_run(text)
    assert run.train_seconds is None
    assert run.steps.value == 500


def test_calibration_is_not_counted_twice():
    run = only_run("gptq:generated 64 sequences in 240.8s\ngptq:done in 241.8s\nquantized val_loss:2.0 val_bpb:1.1\n")
    assert run.calibration_seconds == 241.8
    assert only_run(Written().block()).calibration_seconds == 12.7
    assert only_run(Written().starter()).calibration_seconds is None


def test_calibration_takes_the_data_named_when_it_started():
    run = only_run(
        "gptq:using validation data for calibration (256 seqs x 2048 tokens)\ngptq:collected hessians for 68 layers\nseed:1\n"
    )
    assert [of.data for of in run.calibrations] == ["val", "val"]


@pytest.mark.parametrize("marks", ["rule", "words", "bare", "packed", "after the settings"])
def test_nothing_of_an_embedded_script_is_a_result(marks):
    written = Written()
    packed = 'import lzma as L,base64 as B\nexec(L.decompress(B.b85decode("' + "abc~" * 900 + '")))\n'
    head = {
        "rule": f"{SOURCE}\n{RULE}\n",
        "words": f"{RULE}\nSource code:\n{RULE}\n{SOURCE}\n{RULE}\n",
        "bare": SOURCE,
        "packed": f"{packed}\n{RULE}\n",
        "after the settings": f"Hyperparameters:\n  seed: 1337\n{RULE}\n{SOURCE}\n{RULE}\n",
    }[marks]
    log = read(head + written.starter())
    assert len(log.runs) == 1
    assert [source.text for source in log.sources] == [packed if marks == "packed" else SOURCE]
    plain = only_run(written.starter())
    assert [metric.val_bpb for metric in log.runs[0].metrics] == [metric.val_bpb for metric in plain.metrics]
    assert [size.bytes for size in log.runs[0].sizes] == [size.bytes for size in plain.sizes]
    assert [(point.step, point.train_loss) for point in log.runs[0].curve] == [
        (point.step, point.train_loss) for point in plain.curve
    ]


def test_a_script_ends_with_its_main_block():
    log = read(SOURCE + "a launcher says something\n" + Written().starter())
    assert [source.text for source in log.sources] == [SOURCE]


def test_templates_are_no_results_even_where_no_script_is_recognised():
    lines = [line for line in SOURCE.split("\n") if "{" in line]
    assert read("\n".join(lines)).runs == []


def test_runs_that_each_print_their_source_are_told_apart():
    texts = [Written(bpb=bpb).starter(SOURCE) for bpb in (1.19763674, 1.20840424, 1.16301431)]
    log = read("".join(texts))
    assert [run.metrics[-1].val_bpb for run in log.runs] == [1.19763674, 1.20840424, 1.16301431]
    assert [run.index for run in log.runs] == [0, 1, 2]
    assert len(log.sources) == 3


def test_runs_of_several_seeds_in_one_file_are_told_apart():
    log = read("".join(Written(seed=seed).block() for seed in (0, 42, 1234)))
    assert [run.seed.value for run in log.runs] == [0, 42, 1234]


def test_a_run_that_died_before_the_real_one_is_a_fragment():
    died = "\n".join(Written().starter(SOURCE).split("warmup_step:20/20")[0].split("\n")) + "\n"
    log = read(died + Written().starter(SOURCE))
    assert [(run.kind, run.is_complete) for run in log.runs] == [("fragment", False), ("train", True)]


def test_a_resumed_run_is_one_run_and_says_so():
    lines = Written().starter().split("\n")
    stop = next(index for index, line in enumerate(lines) if line.startswith("step:5000"))
    again = [line for line in lines if line.startswith(("step:1000/", "step:5000/"))]
    log = read("\n".join([*lines[: stop + 1], *again, *lines[stop + 1 :]]))
    assert len(log.runs) == 1
    assert log.runs[0].of_kind("resume")[0].fields == {"step": 1000, "after_step": 5000}


def test_steps_after_the_score_are_no_training():
    run = only_run(Written().starter() + "step:14500/20000 train_loss:0.5000 train_time:900000ms step_avg:62.00ms\n")
    assert (run.steps.value, run.train_seconds.value) == (14421, 599.847)


def test_a_summary_of_the_validations_after_the_score_is_no_further_run():
    written = Written()
    summary = f"0/20000 val_loss: 9.0097 val_bpb: 3.4880\n{written.steps}/20000 val_loss: 2.8177 val_bpb: 1.0908\n"
    log = read(written.block() + summary)
    assert len(log.runs) == 1
    assert log.runs[0].curve[-1].val_bpb == 1.0728


def test_a_score_before_the_first_step_begins_no_run():
    curve = "\n".join(Written().curve())
    log = read(
        f"Hyperparameters:\n  seed: 42\ninit_check val_loss:6.9 val_bpb:4.1\n{curve}\nquantized val_loss:2.0 val_bpb:1.2\n"
    )
    assert [(run.kind, run.seed.value, run.steps.value) for run in log.runs] == [("train", 42, 14421)]


def test_a_run_printed_twice_says_in_both_what_either_says():
    whole = Written(seed=7).block()
    part = whole[whole.index("train_shards") :]
    log = read(whole + RULE + "\nRunning Python 3.12.3 (main)\n" + part)
    assert [run.seed.value for run in log.runs] == [7, 7]
    assert [run.world_size.value for run in log.runs] == [8, 8]


def test_a_stop_line_that_contradicts_the_curve_gives_no_train_time():
    run = only_run(Written().starter().replace("wallclock_cap train_time:599847ms", "wallclock_cap train_time:0ms"))
    assert (run.train_seconds, run.steps.value) == (None, 14421)


@pytest.mark.parametrize(
    "line",
    [
        "delta_bpb=-0.00165387",
        "quant_gap: bpb:0.5",
        "ttt: 5/100 val_loss:2.0 val_bpb:1.1",
        "chunk 7 val_loss:2.0 val_bpb:1.1",
    ],
)
def test_differences_and_running_values_are_no_scores(line):
    assert all(not run.metrics for run in read(f"seed:1\n{line}\n").runs)


def test_lines_printed_twice_count_once():
    lines = Written().starter().split("\n")
    twice = only_run("\n".join(line for line in lines for _ in (1, 2)))
    once = only_run("\n".join(lines))
    assert [(point.step, point.train_loss) for point in twice.curve] == [
        (point.step, point.train_loss) for point in once.curve
    ]


def test_a_warm_up_after_training_begins_the_next_run():
    first = "seed:1\nwarmup_step:1/20\nstep:500/20000 train_loss:3.0 train_time:50000ms step_avg:100.00ms\n"
    second = "warmup_step:1/20\nstep:700/20000 train_loss:2.0 train_time:70000ms step_avg:100.00ms\n"
    assert [[point.step for point in run.curve] for run in read(first + second).runs] == [[500], [700]]


def test_a_cut_log_has_no_count_of_steps_and_no_score():
    text = Written().starter()
    run = only_run(text[: text.index("step:5000/") + 60])
    assert (run.is_complete, run.steps, run.train_seconds, run.total) == (False, None, None, None)
    assert run.curve[-1].step == 1000 or run.curve[-1].step == 5000


@pytest.mark.parametrize(
    "line", ["Total submission size: 15.9 MB", "Serialized model: 15.67MB", "Code size: 77.0 KB", "artifact:15.82MB"]
)
def test_megabytes_are_never_bytes(line):
    log = read(f"seed:1\n{line}\n")
    assert all(not run.sizes for run in log.runs)


def test_megabytes_are_kept_as_an_event():
    run = only_run("seed:1\nINT4+fp8+brotli: 15.42MB model + 0.077MB code = 15.50/16.00MB FITS\n")
    assert run.of_kind("size_mb")[0].fields["total_mb"] == 15.5
    assert run.sizes == []


def test_numbers_that_are_none_are_kept_as_such():
    run = only_run(
        "seed:1\nstep:1/10 train_loss:nan train_time:5ms step_avg:5.00ms\nquantized val_loss:inf val_bpb:nan eval_time:10ms\n"
    )
    assert math.isnan(run.curve[0].train_loss)
    assert math.isinf(run.metrics[-1].val_loss)


def test_absurd_numbers_are_not_read():
    digits = "9" * 40
    log = read(
        f"seed:{digits}\nSerialized model: {digits} bytes\nstep:{digits}/10 train_loss:1.0 train_time:5ms\nval_tokens: 7\n"
    )
    run = log.runs[0]
    assert run.seed is None
    assert run.sizes == []


PREFIXES = [
    "1776142360.542 ",
    "[2026-04-05 12:00:00] INFO: ",
    "2026-04-05 12:00:00,123 - INFO - ",
    "[rank0]: ",
    "[default0]:",
    "\x1b[32m",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_a_logger_puts_before_lines_changes_no_value(prefix):
    plain = Written().starter()
    run = only_run("\n".join(prefix + line for line in plain.split("\n")))
    expected = only_run(plain)
    for name in ("seed", "steps", "train_seconds", "val_tokens", "world_size", "parameters"):
        assert getattr(run, name).value == getattr(expected, name).value
    assert [metric.val_bpb for metric in run.metrics] == [metric.val_bpb for metric in expected.metrics]


def test_unix_times_are_kept_by_line():
    run = only_run("1776142360.5 seed:1\n1776142361.5 quantized val_loss:2.0 val_bpb:1.1\n")
    assert run.unix_seconds == {1: 1776142360.5, 2: 1776142361.5}


def test_a_progress_bar_hides_no_line_and_moves_no_line_number():
    bars = "\r 10%|#         | 1/10\r 20%|##        | 2/10\r"
    run = only_run(f"seed:1\n{bars}quantized val_loss:2.0 val_bpb:1.1\nTotal submission size int8: 5 bytes\n")
    assert (run.metrics[-1].line, run.total.line) == (2, 3)


def test_windows_line_ends_change_nothing():
    assert facts(only_run(Written().starter().replace("\n", "\r\n"))) == facts(only_run(Written().starter()))


def facts(run):
    return (
        run.seed.value,
        run.steps.value,
        run.train_seconds.value,
        [(metric.label, metric.val_bpb, metric.line) for metric in run.metrics],
        [(size.measure, size.bytes) for size in run.sizes],
        [(point.step, point.train_loss, point.val_bpb) for point in run.curve],
        [event.kind for event in run.events],
    )


def test_a_file_without_a_fact_gives_no_run():
    assert read("this is no log\nand holds 12 numbers: 3.14\n").runs == []
    assert read("").runs == []


UNKNOWN = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=60).map(lambda text: "~ " + text)


@given(st.lists(st.tuples(st.integers(1, 40), UNKNOWN), max_size=10))
@settings(deadline=None, max_examples=60)
def test_lines_that_no_grammar_knows_change_no_value(insertions):
    lines = Written().starter().split("\n")
    for at, text in insertions:
        lines.insert(at, text)
    found, expected = facts(only_run("\n".join(lines))), facts(only_run(Written().starter()))
    assert [metric[:2] for metric in found[3]] == [metric[:2] for metric in expected[3]]
    assert found[:3] + found[4:] == expected[:3] + expected[4:]


PIECES = (
    Written().starter(SOURCE).split("\n")
    + Written().block().split("\n")
    + [RULE, '"""', "import os", "\x00\x1b[2J", "\ud800"]
)


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=80)), max_size=60).map("\n".join))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_the_reader_raise_or_point_outside_of_it(text):
    log = read(text)
    last = text.count("\n") + 1
    for run in log.runs:
        for thing in (*run.metrics, *run.sizes, *run.events, *run.curve, *run.calibrations):
            assert 1 <= thing.line <= last
    for source in log.sources:
        assert 1 <= source.first_line <= source.last_line <= last


def best_seconds(text: str) -> float:
    read("seed:1\n")  # grammars are compiled once
    times = []
    for _ in range(3):
        start = time.perf_counter()
        read(text)
        times.append(time.perf_counter() - start)
    return min(times)


def test_a_small_log_is_read_in_milliseconds():
    assert best_seconds(Written().starter()) < 0.02  # about 2 ms; room for a busy machine


def test_two_megabytes_of_source_and_log_are_read_in_a_tenth_of_a_second():
    lines = "\n".join(f"value_{index} = compute({index}, [1, 2, 3])" for index in range(45_000))
    source = SOURCE.replace("def train", f"{lines}\n\n\ndef train")
    text = Written().starter(source)
    assert len(text) > 1_500_000
    assert best_seconds(text) < 0.5  # about 0.05 s; room for a busy machine


def test_a_line_of_megabytes_is_cut():
    assert best_seconds("seed:1\n" + "val_loss:1 " * 500_000 + "\nquantized val_loss:2.0 val_bpb:1.1\n") < 1.0
