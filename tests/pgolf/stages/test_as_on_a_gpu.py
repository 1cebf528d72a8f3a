"""What a GPU run does and a CPU run does not: compiled graphs and bf16. Checked on the CPU, as far as it can."""

import pytest
import torch

from pgolf.core import run
from pgolf.harness import bundle
from pgolf.harness.resolve import resolve
from pgolf.model import gpt
from pgolf.optim import groups
from tests.command import ROOT

RECIPES = ("baseline", "pr1394")
B, T = 2, 64


def config(name: str):
    return run.parse(bundle.shipped_recipe(resolve(ROOT / "recipes" / f"{name}.yaml", scale="tiny")))


def batch(cfg) -> torch.Tensor:
    return torch.randint(0, cfg.model.vocab_size, (B, T + 1), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", RECIPES)
def test_the_forward_pass_is_one_graph_in_every_phase_and_computes_the_same(name):
    torch.manual_seed(0)
    cfg = config(name)
    model = gpt.build(cfg.model, torch.device("cpu"), torch.float32)
    compiled = torch.compile(model, dynamic=False, fullgraph=True, backend="aot_eager")
    tokens_BT = batch(cfg)
    for phase in range(len(model.orders)):
        model.phase = phase
        for scored in (T, 16):
            eager = model(tokens_BT[:, :-1], tokens_BT[:, -scored:])
            assert torch.allclose(compiled(tokens_BT[:, :-1], tokens_BT[:, -scored:]), eager, atol=1e-5)


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_with_bf16_activations_learns(name, monkeypatch):
    """Embeddings and activations in bf16, the rest in float32: types as on a GPU, in forward, backward and optimizers."""
    monkeypatch.setattr("pgolf.optim.muon.activation_dtype", lambda: torch.bfloat16)
    torch.manual_seed(0)
    cfg = config(name)
    model = gpt.build(cfg.model, torch.device("cpu"), torch.bfloat16)
    optimizers = groups.build(cfg.optim, model)
    tokens_BT = batch(cfg)
    losses = []
    for step in range(8):
        loss = model(tokens_BT[:, :-1], tokens_BT[:, 1:]).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        for optimizer in optimizers:
            optimizer.update(1.0, step)
        model.zero_grad()
        losses.append(loss.item())
    dtypes = {p.dtype for p in model.parameters()}
    assert dtypes == {torch.bfloat16, torch.float32}
    assert losses[-1] < losses[0] - 0.5
