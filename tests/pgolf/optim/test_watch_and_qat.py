"""What is done with gradients at the end of the warm-down: they are watched, or are those of rounded weights."""

import json
from pathlib import Path

import pytest
import torch
import torch._dynamo.testing

from pgolf.core import ranks, sensitivity
from pgolf.core.load import load
from pgolf.harness.resolve import as_json, resolve
from pgolf.model.gpt import GPT
from pgolf.model.linear import Linear
from pgolf.optim.muon import Muon
from pgolf.optim.muon_decay_after import MuonDecayAfter
from pgolf.stages.train import Trainer
from tests.pgolf.optim.test_groups import ADAMW, MATRICES
from tests.recipes import ENRICHED, build_model, model_cfg, muon_cfg, random_model, run, tree

WATCH = {"kind": "clip_and_watch", "norm": 0.3, "below_multiplier": 0.1}
QAT = {"kind": "late_qat", "bits": 6, "below_multiplier": 0.1, "inner": {"kind": "plain"}}
PR0332 = Path(__file__).parents[3] / "recipes" / "pr0332.yaml"


def ids(seed=0, rows=2):
    return torch.randint(48, (rows, 12), generator=torch.Generator().manual_seed(seed))


def treatment(how, model):
    return load("optim.gradients", tree(**how)).build(tree(**how), model, 1)


def set_gradients(model, seed, size=1.0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = size * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)


def wide(dtype=torch.float32):
    """A model some of whose matrices have 64 rows or more, and some not."""
    return build_model(model_cfg(vocabulary=ENRICHED), dtype)


# Watching


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(sensitivity, "PATH", tmp_path / "sensitivity.json")
    return tmp_path / "sensitivity.json"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_are_mean_squares_of_unclipped_gradients_over_the_steps_in_the_window(path, dtype):
    model = wide(dtype)
    part = treatment(WATCH, model)
    expected: dict[str, float] = {}
    multipliers = [1.0, 0.1, 0.0999, 0.05, 1e-9, 0.0]
    inside = [0 < m < 0.1 for m in multipliers]
    assert sum(inside) == 3
    for step, (multiplier, counted) in enumerate(zip(multipliers, inside, strict=True)):
        set_gradients(model, step, size=10.0 ** (step - 2))
        if counted:
            for name, p in model.named_parameters():
                if p.dim() == 2 and p.size(0) >= 64:
                    expected[name] = expected.get(name, 0.0) + p.grad.double().square().mean().item() / sum(inside)
        part.finish(multiplier)
    part.leave()
    found = json.loads(path.read_text())
    assert list(found) == list(expected)
    assert "vocabulary.inputs.0.proj.weight" in found
    assert {"vocabulary.inputs.0.table", "blocks.0.attn.c_k.weight"} & set(found) == set()  # 32 rows
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-5), name


def test_gradients_are_clipped_as_without_watching(path):
    models = [wide(), wide()]
    for model, how in zip(models, (WATCH, {"kind": "clip", "norm": 0.3}), strict=True):
        set_gradients(model, 7)
        treatment(how, model).finish(0.05)
    norm = torch.stack([p.grad.norm() for p in models[0].parameters()]).norm()
    assert norm.item() == pytest.approx(0.3, rel=1e-4)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))


def test_a_run_that_ends_before_the_window_says_so_by_an_empty_file(path):
    model = wide()
    part = treatment(WATCH, model)
    set_gradients(model, 0)
    part.finish(0.5)
    part.leave()
    assert sensitivity.read() == {}


@pytest.mark.parametrize(("layers", "expected"), [(12, 75), (11, 69)])
def test_so_many_tensors_of_the_full_model_are_watched(layers, expected):
    cfg = run.parse(as_json(resolve(PR0332, [f"model.layers={layers}"])))
    cfg.model.init = "zeros"
    with torch.device("meta"):
        model = GPT(cfg.model)
    assert len(treatment(WATCH, model).watched) == expected


# Late QAT


def rounded(w, bits):
    """The fake-quantised weight, written out for one row at a time."""
    top = 2 ** (bits - 1) - 1
    out = torch.empty_like(w)
    for i, row in enumerate(w):
        step = max(row.abs().max().item() / top, 1 / top)
        out[i] = torch.clamp(torch.round(row / step), -top, top) * step
    return out


def trained_by(how, model):
    """The treatment as training has it: built a second time, after the warm-up."""
    treatment(how, model)
    return treatment(how, model)


@pytest.mark.parametrize("bits", [5, 6])
def test_in_the_window_linear_maps_compute_with_rounded_weights_and_pass_gradients_straight_through(bits):
    model, plain = random_model(model_cfg()), random_model(model_cfg())
    part = trained_by({**QAT, "bits": bits}, model)
    assert torch.equal(model(ids()[:, :-1], ids()[:, 1:]), plain(ids()[:, :-1], ids()[:, 1:]))
    part.finish(0.05)
    found = model(ids()[:, :-1], ids()[:, 1:])
    with torch.no_grad():
        for module in plain.modules():
            if isinstance(module, Linear) and len(module.weight) >= 64:
                module.weight.copy_(rounded(module.weight, bits))
    expected = plain(ids()[:, :-1], ids()[:, 1:])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    found.mean().backward()
    expected.mean().backward()
    for (name, a), b in zip(model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_rounding_is_on_only_for_the_steps_after_those_in_the_window():
    model = wide()
    part = trained_by(QAT, model)
    seen = []
    for multiplier in (1.0, 0.1, 0.09, 0.01, 0.0, 1.0):
        part.finish(multiplier)
        seen.append({layer.rounding for layer in part.layers})
    assert seen == [{False}, {False}, {True}, {True}, {False}, {False}]
    assert len(part.layers) == 4 * 4 + 1  # q, fc and both outputs of four blocks, and the projection of pairs


def test_weights_keep_their_names_and_values_and_what_is_inside_does_its_part(path):
    model = wide()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    part = trained_by({**QAT, "inner": WATCH}, model)
    set_gradients(model, 3)
    part.finish(0.05)
    part.leave()
    assert len(sensitivity.read()) > 10
    assert torch.stack([p.grad.norm() for p in model.parameters()]).norm().item() == pytest.approx(0.3, rel=1e-4)
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def trainer(monkeypatch, model, compiler):
    """A trainer on a stream of random tokens whose forward pass `compiler` sees."""
    optim = {"matrix": MATRICES, "embedding": ADAMW, "scalar": ADAMW, "head": None, "table": ADAMW, "gradients": QAT}
    cfg = tree(
        optim=optim,
        hardware={"logical_ranks": 1},
        train={"batch_tokens": 24, "sequence_tokens": 12},
        data={"loader": {}},
    )

    class Loader:
        def next_batch(self, logical_rank, sequences):
            return (ids().numpy(),)

    monkeypatch.setattr("pgolf.stages.train.make_loader", lambda cfg, how: Loader())
    monkeypatch.setattr(ranks, "compiled", lambda function: torch.compile(function, backend=compiler, fullgraph=True))
    return Trainer(cfg, model)


def test_both_graphs_are_compiled_in_the_warm_up_and_none_later(monkeypatch):
    torch._dynamo.reset()
    compiler = torch._dynamo.testing.CompileCounter()
    model = random_model(model_cfg(vocabulary=ENRICHED, layers=2, depth={"kind": "once"}))
    training = trainer(monkeypatch, model, compiler)
    training.warm_up(2)
    compiled = compiler.frame_count
    assert compiled == 2
    losses = []
    for step, multiplier in enumerate((1.0, 0.05, 0.04, 0.0, 1.0)):
        losses.append(training.step(multiplier, step).item())
    assert compiler.frame_count == compiled
    assert {layer.rounding for layer in training.treatment.layers} == {False}


def test_the_compiled_forward_pass_follows_the_switch():
    """PR 315's switch was folded into the graph as a constant, so that it did nothing."""
    torch._dynamo.reset()
    model = random_model(model_cfg(layers=2, depth={"kind": "once"}))
    part = trained_by({**QAT, "bits": 3}, model)
    forward = torch.compile(model, backend="eager", fullgraph=True)
    off, on = [], []
    for _ in range(2):
        part.finish(1.0)
        off.append(forward(ids()[:, :-1], ids()[:, 1:]))
        part.finish(0.05)
        on.append(forward(ids()[:, :-1], ids()[:, 1:]))
    assert torch.equal(*off)
    assert torch.equal(*on)
    assert not torch.allclose(off[0], on[0])


# Decay after the update


def test_decay_after_the_update_shrinks_the_step_as_well():
    parameters = {
        kind: torch.nn.Parameter(torch.randn(6, 4, generator=torch.Generator().manual_seed(1))) for kind in "abc"
    }
    start = parameters["a"].detach().clone()
    optimizers = {
        "a": Muon(muon_cfg(), [parameters["a"]]),
        "b": MuonDecayAfter(muon_cfg("muon_decay_after", weight_decay=0.5), [parameters["b"]]),
        "c": MuonDecayAfter(muon_cfg("muon_decay_after"), [parameters["c"]]),
    }
    for kind, optimizer in optimizers.items():
        parameters[kind].grad = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
        optimizer.update(0.5, 0)
    step = parameters["a"] - start
    assert step.norm() > 0.01
    torch.testing.assert_close(parameters["b"], (start + step) * (1 - 0.02 * 0.5 * 0.5))
    torch.testing.assert_close(parameters["c"], parameters["a"])
