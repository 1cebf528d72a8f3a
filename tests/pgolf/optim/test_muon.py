import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pgolf.core.load import load
from pgolf.optim.newton_schulz import QUINTIC, orthogonalize
from tests.recipes import muon_cfg, quick

KINDS = ["muon", "muon_eq_r", "muon_polar"]
kinds = pytest.mark.parametrize("kind", KINDS)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def matrix(rows, columns, seed, smallest=0.2):
    """Singular values between `smallest` and 1."""
    u, s, v = torch.linalg.svd(random(rows, columns, seed=seed), full_matrices=False)
    return u @ torch.diag(smallest + (1 - smallest) * s / s.max()) @ v


def optimizer_of(shapes, cfg, seed=0):
    parameters = [nn.Parameter(random(*shape, seed=seed + i)) for i, shape in enumerate(shapes)]
    return load("optim", cfg).build(cfg, parameters)


@quick
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 999), st.sampled_from([torch.float32, torch.bfloat16]))
def test_newton_schulz_brings_all_singular_values_near_one(rows, columns, seed, dtype):
    found = orthogonalize(matrix(rows, columns, seed)[None], [QUINTIC] * 5, dtype)[0]
    singular = torch.linalg.svdvals(found.float())
    assert singular.min() > 0.6
    assert singular.max() < 1.3


@quick
@given(st.integers(2, 20), st.integers(2, 20), st.integers(0, 999))
def test_newton_schulz_keeps_singular_directions(rows, columns, seed):
    """The result shares them with the input, so input^T result is symmetric and positive."""
    u = matrix(rows, columns, seed)
    product = u.T @ orthogonalize(u[None], [QUINTIC] * 5, torch.float32)[0]
    torch.testing.assert_close(product, product.T, rtol=0, atol=1e-4)
    assert torch.linalg.eigvalsh(product).min() > -1e-4


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (24, 24)])
def test_a_stack_is_orthogonalised_as_one_by_one(shape):
    stack = random(5, *shape)
    together = orthogonalize(stack, [QUINTIC] * 5, torch.float32)
    alone = torch.cat([orthogonalize(stack[i : i + 1], [QUINTIC] * 5, torch.float32) for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_the_transpose_is_orthogonalised_to_the_transpose():
    u = random(2, 12, 30)
    torch.testing.assert_close(
        orthogonalize(u.mT, [QUINTIC] * 5, torch.float32), orthogonalize(u, [QUINTIC] * 5, torch.float32).mT
    )


def test_the_size_of_a_gradient_does_not_matter_and_zero_stays_zero():
    u = random(1, 12, 30)
    expected = orthogonalize(u, [QUINTIC] * 5, torch.float32)
    torch.testing.assert_close(orthogonalize(1000 * u, [QUINTIC] * 5, torch.float32), expected, rtol=0, atol=1e-4)
    assert not orthogonalize(torch.zeros(1, 4, 8), [QUINTIC] * 5, torch.float32).any()


@kinds
def test_matrices_together_move_as_each_would_alone(kind):
    shapes = [(12, 8), (8, 12), (12, 8), (6, 6), (12, 8)]
    together = optimizer_of(shapes, muon_cfg(kind, weight_decay=0.1))
    alone = [optimizer_of([shape], muon_cfg(kind, weight_decay=0.1), seed=i) for i, shape in enumerate(shapes)]
    for step in range(2):
        for i, (shape, one) in enumerate(zip(shapes, alone, strict=True)):
            together.parameters[i].grad = random(*shape, seed=100 + 10 * step + i)
            one.parameters[0].grad = random(*shape, seed=100 + 10 * step + i)
            one.update(0.5, step)
        together.update(0.5, step)
    for mine, one in zip(together.parameters, alone, strict=True):
        torch.testing.assert_close(mine, one.parameters[0], rtol=0, atol=1e-6)


@kinds
def test_a_step_is_as_long_as_its_learning_rate_times_the_aspect_of_the_matrix(kind):
    """All singular values of the update are near lr sqrt(max(1, rows / columns)), whatever the gradient."""
    for rows, columns, aspect in ((32, 8, 2.0), (8, 32, 1.0)):
        optimizer = optimizer_of([(rows, columns)], muon_cfg(kind, lr=1.0))
        before = optimizer.parameters[0].detach().clone()
        optimizer.parameters[0].grad = 1e-3 * random(rows, columns, seed=5)
        optimizer.update(0.1, 0)
        singular = torch.linalg.svdvals(optimizer.parameters[0].detach() - before)
        assert singular.min() > 0.06 * aspect
        assert singular.max() < 0.13 * aspect


@kinds
def test_weight_decay_alone_shrinks_by_the_learning_rate_times_the_decay(kind):
    optimizer = optimizer_of([(6, 8)], muon_cfg(kind, lr=0.1, weight_decay=0.5))
    before = optimizer.parameters[0].detach().clone()
    optimizer.parameters[0].grad = torch.zeros(6, 8)
    optimizer.update(0.4, 0)
    torch.testing.assert_close(optimizer.parameters[0].detach(), before * (1 - 0.1 * 0.4 * 0.5))


@kinds
def test_a_multiplier_of_zero_moves_nothing(kind):
    optimizer = optimizer_of([(6, 8)], muon_cfg(kind, weight_decay=0.5))
    before = optimizer.parameters[0].detach().clone()
    optimizer.parameters[0].grad = random(6, 8)
    optimizer.update(0.0, 3)
    assert torch.equal(optimizer.parameters[0], before)


def test_gradients_are_left_as_they_are():
    optimizer = optimizer_of([(6, 8), (6, 8)], muon_cfg())
    for i, parameter in enumerate(optimizer.parameters):
        parameter.grad = random(6, 8, seed=i)
    optimizer.update(1.0, 0)
    assert all(torch.equal(p.grad, random(6, 8, seed=i)) for i, p in enumerate(optimizer.parameters))


def test_momentum_ramps_from_first_to_last_and_stays():
    optimizer = optimizer_of([(2, 2)], muon_cfg(momentum={"first": 0.85, "last": 0.95, "steps": 500}))
    found = [optimizer.momentum(step) for step in (0, 250, 500, 501, 9999)]
    assert found == pytest.approx([0.85, 0.90, 0.95, 0.95, 0.95], abs=1e-12)
