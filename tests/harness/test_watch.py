import io
import json
import re
import time

import pytest
from rich.console import Console

from pgolf.core.errors import StageError
from pgolf.harness.events import Progress, TrainStep, parse
from pgolf.harness.resolve import resolve
from pgolf.harness.watch import Watcher
from tests.command import ROOT, SMOKE

RECIPE = resolve(SMOKE)  # 150 steps of 2,048 tokens


def said(name, **fields):
    return parse(json.dumps({"event": name, "time": 1.0, "rank": 0, **fields}))


def step(number, loss=3.25):
    fields = {"loss_nats_per_token": loss, "seconds": 0.5, "tokens_per_second": 4096.0}
    return said("train_step", step=number, steps=200, **fields)


SCORE = {"phase": "evaluate", "seconds": 3.0, "val_loss": 2.0, "nats": 8.0, "tokens": 4, "bytes": 6}
STAGES = {
    "train": (
        [
            said("clock", phase="train", limit_seconds=600.0), said("warmup_step", step=1, steps=1, phase=0), step(1, 6.5),
            said("progress", stage="train", done=7, total=200, seconds=1.0, loss_nats_per_token=5.0), step(200),
            said("train_end", reason="finished: max_steps", seconds=12.34, step=200, steps=200),
        ],
        "200 steps in 12.3 s, loss 3.2500 nats",
    ),
    "quantize": (
        [
            said("calibrated", hessians=12, seconds=1.5),
            said("quantized", payload_bytes=123456, seconds=2.0, text="[bold]x[/bold]"),
        ],
        "12 Hessians in 1.5 s, 123,456 bytes before compression",
    ),
    "package": (
        [said("packaged", codec="brotli", code_bytes=1000, model_bytes=20000, total_bytes=21000, seconds=1.0)],
        "1,000 code + 20,000 model = 21,000 bytes",
    ),
    "evaluate": (
        [
            said("progress", stage="evaluate", done=50, total=1000),
            said("score", label="quantized_sliding_window", val_bpb=1.085631, **SCORE),
        ],
        "quantized_sliding_window 1.08563 bpb",
    ),
    "diagnose": (
        [said("score", label=label, val_bpb=bpb, **SCORE) for label, bpb in (("pre-quantization", 1.5), ("quantized", 2))],
        "pre-quantization 1.50000 bpb, quantized 2.00000 bpb",
    ),
    "silent": ([], ""),
}  # fmt: skip
assert len(STAGES) == 6


def shown(*, done=False, terminal=False, stages=STAGES):
    """What the watcher writes for these stages of seed 42."""
    file = io.StringIO()
    watcher = Watcher(Console(file=file, soft_wrap=True, width=80, force_terminal=terminal), RECIPE)
    for name in stages:
        with watcher.stage(42, name, done) as watch:
            for event in STAGES[name][0]:
                watch(event)
    return file.getvalue()


@pytest.mark.parametrize(("name", "summary"), [(name, STAGES[name][1]) for name in STAGES], ids=STAGES)
def test_off_a_terminal_a_finished_stage_is_one_plain_line_with_its_numbers(name, summary):
    assert re.fullmatch(rf"seed 42     {name:<9}     \d\.\d s   {re.escape(summary)}\n", shown(stages=[name]))


def test_off_a_terminal_nothing_is_written_that_is_no_text():
    text = shown()
    assert text.count("\n") == 6
    assert re.fullmatch(r"[ -~\n]+", text)


def test_a_stage_that_was_done_before_says_so_and_nothing_else():
    assert (
        shown(done=True, stages=["train", "package"])
        == "seed 42     train     done before\nseed 42     package   done before\n"
    )


def test_a_stage_that_fails_is_not_told_as_finished():
    file = io.StringIO()
    with pytest.raises(StageError), Watcher(Console(file=file), RECIPE).stage(42, "train", False):
        raise StageError("a rank died")
    assert file.getvalue() == ""


def test_the_time_of_a_stage_is_taken_from_outside_of_it():
    file = io.StringIO()
    with Watcher(Console(file=file), RECIPE).stage(42, "train", False):
        time.sleep(0.25)
    assert 0.2 <= float(file.getvalue().split()[3]) < 5


def test_on_a_terminal_the_line_of_the_stage_moves_and_its_last_is_the_finished_one():
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(terminal=True, stages=["train"])))
    assert "step 200/200 loss 3.2500" in lines[-3]
    assert re.fullmatch(r"seed 42     train .* s   200 steps in 12\.3 s, loss 3\.2500 nats", lines[-2])


LIVE = {
    "warm-up 1/20": (said("warmup_step", step=1, steps=20, phase=0), None, None),
    "step 7/200 loss 3.2500 4,096 tok/s": (step(7), 7, 200),
    "step 9 loss 5.0000 18,432 tok/s": (
        said("progress", stage="train", done=9, total=200, seconds=1.0, loss_nats_per_token=5.0), 9, 150,
    ),
    "5,000/10,000 tokens": (said("progress", stage="evaluate", done=5000, total=10000), 5000, 10000),
    "calibrate": (said("clock", phase="calibrate", limit_seconds=600.0), None, None),
    "": (said("ledger", sha256="x"), None, None),
}  # fmt: skip
assert len(LIVE) == 6


@pytest.mark.parametrize(("note", "event", "done", "total"), [(note, *rest) for note, rest in LIVE.items()], ids=LIVE)
def test_the_live_line_says_how_far_a_stage_is(note, event, done, total):
    assert Watcher(Console(), RECIPE).live(event) == (note, done, total)


def test_a_timed_run_is_measured_in_seconds():
    timed = Watcher(Console(), resolve(ROOT / "recipes" / "pr1394.yaml"))
    assert timed.live(step(7)) == ("step 7/200 loss 3.2500 4,096 tok/s", 0.5, 588.0)


def test_events_of_a_step_are_typed():
    assert [type(event) for event in (step(1), LIVE["5,000/10,000 tokens"][0])] == [TrainStep, Progress]
