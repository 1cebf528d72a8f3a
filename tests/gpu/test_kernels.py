"""On a GPU: Triton kernels and attention inside documents beside the formulas that a CPU computes. `make test-gpu`."""

import json
import os
import subprocess
import sys

import pytest

from tests.command import ROOT, finished

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
START = """
import json, torch
from pathlib import Path
torch.manual_seed(0)
errors = {}
def compare(name, found, expected):
    expected = expected.float()
    errors[name] = ((found.float().cpu() - expected).norm() / expected.norm()).item()
"""
MLP = """
from pgolf.model.mlp.fused_squared_relu import fall, rise
for m, k, n in ((1024, 512, 2048), (1000, 128, 384), (256, 64, 128), (130, 72, 200)):
    x, w, g = torch.randn(m, k).bfloat16(), (torch.randn(n, k) / k**0.5).bfloat16(), torch.randn(m, k).bfloat16()
    pre, post = rise(x.float(), w.float(), 0.5)
    for name, found, expected in zip(("pre", "post"), rise(x.cuda(), w.cuda(), 0.5), (pre, post)):
        compare(f"{name} {m} {k} {n}", found, expected)
    pre = pre.bfloat16()
    compare(f"fall {m} {k} {n}", fall(g.cuda(), w.cuda(), pre.cuda(), 0.5), fall(g.float(), w.float(), pre.float(), 0.5))
"""
LOSS = """
from pgolf.model.output.fused_softcap import measure, slope
for rows, columns in ((100, 8192), (7, 1000), (3, 1025)):
    z, targets, g = (20 * torch.randn(rows, columns)).bfloat16(), torch.randint(columns, (rows,)), torch.randn(rows)
    nats, lse = measure(z, targets, 30.0)
    there = measure(z.cuda(), targets.cuda(), 30.0)
    compare(f"nats {rows} {columns}", there[0], nats)
    compare(f"lse {rows} {columns}", there[1], lse)
    dz = slope(z.float(), targets, lse, g, 30.0)
    compare(f"dz {rows} {columns}", slope(z.cuda(), targets.cuda(), lse.cuda(), g.cuda(), 30.0), dz)
"""
ATTENTION = """
from pgolf.model.attention.gqa_documents import attend_inside
q, k, v = (torch.randn(1000, heads, 64).bfloat16() for heads in (8, 4, 4))
borders = torch.tensor([0, 1, 130, 600, 999, 1000] + [1000] * 58).int()
compare("attention", attend_inside(q.cuda(), k.cuda(), v.cuda(), borders.cuda(), 512), attend_inside(q, k, v, borders, 512))
"""
MODEL = """
from pgolf.core import run
from pgolf.data.documents import segments
from pgolf.harness import bundle
from pgolf.harness.resolve import resolve
from pgolf.model import gpt
cfg = run.parse(bundle.shipped_recipe(resolve(Path("recipes/pr1855.yaml"), scale="tiny")))
tokens = torch.randint(2, 1024, (1, 1025))
tokens[0, ::90] = 1
borders = torch.from_numpy(segments(tokens[0, :-1].numpy(), 1, 128))
plain, fast = (gpt.build(cfg.model, torch.device(d), t) for d, t in (("cpu", torch.float32), ("cuda", torch.bfloat16)))
with torch.no_grad():
    for one in plain.parameters():
        one.add_(0.2 * torch.randn_like(one) / one.size(-1) ** 0.5)
    for one, other in zip(plain.parameters(), fast.parameters()):
        other.copy_(one)
compiled = torch.compile(fast, dynamic=False, fullgraph=True)
for phase in (0, 1):
    plain.phase = fast.phase = phase
    for model in (plain, fast):
        model.zero_grad()
    loss = plain(tokens[:, :-1], tokens[:, 1:], borders).mean()
    there = compiled(tokens[:, :-1].cuda(), tokens[:, 1:].cuda(), borders.cuda()).mean()
    compare(f"loss {phase}", there.detach(), loss.detach())
    loss.backward()
    there.backward()
    for name in ("blocks.0.mlp.fc.weight", "blocks.3.mlp.proj.weight", "blocks.1.attn.c_q.weight", "vocabulary.tok_emb"):
        compare(f"{name} {phase}", fast.get_parameter(name).grad, plain.get_parameter(name).grad)
"""
CASES = {"mlp": (MLP, 1e-2), "loss": (LOSS, 5e-3), "attention": (ATTENTION, 1e-2), "model": (MODEL, 6e-2)}


@pytest.mark.parametrize("name", CASES)
def test_a_gpu_computes_what_a_cpu_does(name):
    script, most = CASES[name]
    done = finished([sys.executable, "-c", START + script + "print(json.dumps(errors))"], cwd=ROOT, **GPU)
    assert done.returncode == 0, done.stderr
    errors = json.loads(done.stdout.splitlines()[-1])
    assert errors
    assert {name: error for name, error in errors.items() if not error <= most} == {}
