"""PR 1855's optimizer: Polar Express, and gradients clipped one micro-batch at a time."""

import pytest
import torch
from torch import nn

from pgolf.optim import muon_eq_r, muon_polar
from pgolf.optim.gradients import clip_micro_batch
from pgolf.optim.newton_schulz import QUINTIC, orthogonalize
from tests.recipes import muon_cfg, tree


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def wide():
    """A Gaussian matrix with rows of length 1, as MuonEq-R hands it on."""
    return nn.functional.normalize(random(1, 512, 2048).double(), dim=-1)


@pytest.mark.parametrize(("coefficients", "least", "middle", "most"), [
    (muon_polar.POLAR, 0.86, 1.01, 1.14),
    ([QUINTIC] * 5, 0.755, 0.95, 1.134),
])  # fmt: skip
def test_five_steps_reach_these_singular_values(wide, coefficients, least, middle, most):
    singular = torch.linalg.svdvals(orthogonalize(wide, coefficients, torch.float64))
    found = singular.min(), singular.median(), singular.max()
    assert [value.item() for value in found] == pytest.approx([least, middle, most], abs=0.02)


@pytest.mark.parametrize("steps", [1, 5])
def test_a_step_is_that_of_muon_eq_r_with_other_coefficients(steps):
    w, g = random(12, 20), random(12, 20, seed=1)
    weights = []
    for module in (muon_polar, muon_eq_r):
        parameter = nn.Parameter(w.clone())
        optimizer = module.build(muon_cfg(weight_decay=0.1, newton_schulz_steps=steps), [parameter])
        optimizer.coefficients = muon_polar.POLAR[:steps]
        parameter.grad = g.clone()
        optimizer.update(0.5, 3)
        weights.append(parameter.detach())
    assert torch.equal(*weights)
    assert muon_polar.build(muon_cfg(newton_schulz_steps=steps), [parameter]).coefficients == muon_polar.POLAR[:steps]


def test_momentum_has_the_activation_type(monkeypatch):
    monkeypatch.setattr("pgolf.optim.muon.activation_dtype", lambda: torch.bfloat16)
    parameter = nn.Parameter(random(8, 8))
    optimizer = muon_polar.build(muon_cfg(lr=0.5), [parameter])
    for step in range(3):
        parameter.grad = random(8, 8, seed=step)
        optimizer.update(1.0, step)
    assert optimizer.momenta[0].dtype == torch.bfloat16
    expected = sum(0.95 ** (2 - step) * random(8, 8, seed=step) for step in range(3))
    torch.testing.assert_close(optimizer.momenta[0].float(), expected, rtol=0.02, atol=0.02)


def gradient_after(model, losses, norm):
    """Of micro-batches with these losses, each of which comes divided by their number."""
    treatment = clip_micro_batch.build(tree(norm=norm), model, len(losses))
    for loss in losses:
        treatment.backward(loss(model) / len(losses))
    treatment.finish(1.0)
    treatment.leave()
    return [p.grad.clone() for p in model.parameters()]


def losses_of(model):
    """Two of four micro-batches have gradients longer than 1."""
    directions = [[random(*p.shape, seed=i) for p in model.parameters()] for i in range(4)]
    lengths = 0.2, 5.0, 0.4, 30.0
    whole = [sum(d.square().sum() for d in ds).sqrt() for ds in directions]
    scaled = [[d * length / total for d in ds] for ds, length, total in zip(directions, lengths, whole, strict=True)]
    return scaled, [
        lambda m, ds=ds: sum((p * d).sum() for p, d in zip(m.parameters(), ds, strict=True)) for ds in scaled
    ]


def test_each_micro_batch_is_clipped_by_itself_and_then_averaged():
    model = nn.Linear(6, 5)
    gradients, losses = losses_of(model)
    found = gradient_after(model, losses, norm=1.0)
    shrunk = [1.0, 1 / 5, 1.0, 1 / 30]
    for i, gradient in enumerate(found):
        expected = sum(s * g[i] for s, g in zip(shrunk, gradients, strict=True)) / 4
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    model.zero_grad()
    backwards = gradient_after(model, losses[::-1], norm=1.0)
    for one, other in zip(found, backwards, strict=True):
        torch.testing.assert_close(one, other)


def test_short_gradients_are_left_alone():
    model = nn.Linear(6, 5)
    gradients, losses = losses_of(model)
    for i, gradient in enumerate(gradient_after(model, losses, norm=100.0)):
        torch.testing.assert_close(gradient, sum(g[i] for g in gradients) / 4)
