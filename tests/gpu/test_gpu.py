"""On a GPU: a whole run, and the compiled bf16 model beside the float32 one. `make test-gpu`."""

import json
import os
import subprocess
import sys

import pytest

from tests.command import ROOT, environment, finished, micro

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        subprocess.run(
            [sys.executable, "-c", "import torch; raise SystemExit(not torch.cuda.is_available())"], check=False
        ).returncode,
        reason="no GPU here",
    ),
]
GPU = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES") or "0"}
COMPARE = """
import json, torch
from pathlib import Path
from pgolf.core import run
from pgolf.harness import bundle
from pgolf.harness.resolve import resolve
from pgolf.model import gpt
cfg = run.parse(bundle.shipped_recipe(resolve(Path("recipes/pr1394.yaml"), scale="tiny")))
torch.manual_seed(0)
plain = gpt.build(cfg.model, torch.device("cpu"), torch.float32)
torch.manual_seed(0)
fast = gpt.build(cfg.model, torch.device("cuda"), torch.bfloat16)
compiled = torch.compile(fast, dynamic=False, fullgraph=True)
tokens = torch.randint(0, 1024, (4, 129))
losses = []
for phase in (0, 1):
    plain.phase = fast.phase = phase
    there = tokens.cuda()
    losses.append([plain(tokens[:, :-1], tokens[:, 1:]).mean().item(), compiled(there[:, :-1], there[:, 1:]).mean().item()])
print(json.dumps(losses))
"""


def test_the_compiled_bf16_model_has_the_loss_of_the_float32_one():
    done = finished([sys.executable, "-c", COMPARE], cwd=ROOT, **GPU)
    assert done.returncode == 0, done.stderr
    losses = json.loads(done.stdout)
    assert len(losses) == 2
    assert all(abs(cpu - gpu) < 2e-2 for cpu, gpu in losses)


def test_a_record_is_made_on_a_gpu(demo_dir, tmp_path):
    argv = micro("record", demo_dir, tmp_path, "train.warmup_steps=2")
    done = subprocess.run(argv, env=environment(**GPU), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "runs" / "smoke" / "1" / "run.json").read_text())
    assert run["machine"]["gpus"]
    assert run["stages"]["train"]["memory_mib"]["gpu_mib"] > 0
