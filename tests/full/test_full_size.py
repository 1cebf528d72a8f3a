"""PR 1394 at its full size through every stage on a CPU, in float32, on demo text: minutes, so `make test-slow` only."""

import json
import subprocess

import pytest

from pgolf.harness.dataset.demo import ensure_demo
from tests.command import PGOLF, ROOT, environment

CHANGES = (
    "data.variant=demo8192", "data.tokenizer=fineweb_demo8192_bpe.model", "data.train_shards=8", "seeds=[1]",
    "hardware.world_size=1", "train.stop={kind: steps, steps: 3}", "train.batch_tokens=16384", "train.warmup_steps=0",
    "quant.calibration_batches=4", "evaluation.score.stride=1024", "evaluation.score.batch_windows=4",
    "evaluation.diagnostic.batch_windows=4",
)  # fmt: skip
PARAMETERS = 35_943_512  # spec: what the published runs logged


@pytest.mark.slow
def test_pr1394_goes_through_all_stages_at_full_size(tmp_path):
    ensure_demo(tmp_path / "data", 8192)
    changes = [part for change in CHANGES for part in ("--set", change)]
    folders = ["--data-dir", str(tmp_path / "data"), "--runs-dir", str(tmp_path / "runs")]
    argv = [*PGOLF, "run", str(ROOT / "recipes" / "pr1394.yaml"), *folders, *changes]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "runs" / "pr1394" / "1" / "run.json").read_text())
    for name, stage in run["stages"].items():
        print(f"{name}: {stage['seconds']:.1f} s, {stage['memory_mib']['host_mib']} MiB")
    assert run["parameters"] == PARAMETERS
    assert run["calibration"]["hessians"] == 67
    # 31,719,424 six-bit and 4,194,304 eight-bit codes, 53,248 float16 scales, 29,784 float16 numbers kept
    assert run["bytes"]["payload"] == 31_719_424 + 4_194_304 + 2 * 53_248 + 2 * 29_784
    assert 15_500_000 < run["bytes"]["total"] < 16_000_000
    assert run["scores"]["final"]["tokens"] == run["scores"]["quantized"]["tokens"]
