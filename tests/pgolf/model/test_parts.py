"""The small parts: norm, linear map, MLP, skips, rotary embedding, block."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.load import load
from pgolf.core.roles import MATRIX
from pgolf.model.linear import Linear
from pgolf.model.mlp import squared_relu
from pgolf.model.norm import rms
from pgolf.model.residual import serial
from pgolf.model.rope import rotate, tables
from tests.recipes import CPU, model_cfg, quick, tree


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rms_brings_even_a_fresh_embedding_to_a_mean_square_of_one(dtype):
    out = rms((0.005 * random(16, 512)).to(dtype))
    assert out.dtype == dtype
    torch.testing.assert_close(out.float().square().mean(-1), torch.ones(16), rtol=0, atol=0.01)


def test_rms_of_zeros_is_zeros():
    assert torch.equal(rms(torch.zeros(2, 8)), torch.zeros(2, 8))


def test_linear_keeps_float32_weights_and_computes_in_the_type_of_its_input():
    linear = Linear(8, 4, "uniform", MATRIX)
    assert linear(random(3, 8).bfloat16()).dtype == torch.bfloat16
    assert linear.weight.dtype == torch.float32
    torch.testing.assert_close(linear(random(3, 8)), random(3, 8) @ linear.weight.T)


def test_linear_starts_orthogonal_uniform_or_at_zero():
    tall, flat = (Linear(*shape, "orthogonal", MATRIX).weight for shape in ((8, 32), (32, 8)))
    torch.testing.assert_close(tall.T @ tall, torch.eye(8), rtol=0, atol=1e-5)
    torch.testing.assert_close(flat @ flat.T, torch.eye(8), rtol=0, atol=1e-5)
    uniform = Linear(64, 512, "uniform", MATRIX).weight
    assert uniform.abs().max() <= 1 / 8
    assert uniform.std().item() == pytest.approx(1 / 8 / 3**0.5, rel=0.02)
    assert not Linear(8, 8, "zeros", MATRIX).weight.any()


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_squared_relu_squares_what_is_positive_and_damps_what_is_not(slope):
    cfg = model_cfg(width=3, mlp={"kind": "squared_relu", "hidden": 3, "negative_slope": slope})
    mlp = squared_relu.build(cfg)
    with torch.no_grad():
        mlp.fc.weight.copy_(torch.eye(3))
        mlp.proj.weight.copy_(torch.eye(3))
    out = mlp(torch.tensor([[2.0, 0.0, -2.0]]))
    torch.testing.assert_close(out, torch.tensor([[4.0, 0.0, 4.0 * slope**2]]))


def skips(kind):
    return load("model.skips", tree(kind=kind)).build(tree(width=8), 3)


def test_a_gate_blends_from_all_encoder_to_all_decoder():
    built, x, e = skips("gated_unet"), random(2, 8), random(2, 8, seed=1)
    torch.testing.assert_close(built(1, x, e), (x + e) / 2)
    with torch.no_grad():
        built.weights[1] = 2.0
        built.gates[1] = -50.0
        torch.testing.assert_close(built(1, x, e), 2 * e)
        built.gates[1] = 50.0
        torch.testing.assert_close(built(1, x, e), x)


def test_a_skip_without_gates_adds_its_weight_times_the_encoder():
    built, x, e = skips("unet"), random(2, 8), random(2, 8, seed=1)
    with torch.no_grad():
        built.weights[2] = torch.arange(8.0)
    torch.testing.assert_close(built(0, x, e), x + e)
    torch.testing.assert_close(built(2, x, e), x + torch.arange(8.0) * e)


SCALES = [("none", 3, 1.0), ("inverse_sqrt", 0, 1.0), ("inverse_sqrt", 3, 0.5)]


@pytest.mark.parametrize(("how", "layer", "scale"), SCALES)
def test_a_block_is_its_formula(how, layer, scale):
    block = serial.build(model_cfg(residual={"kind": "serial", "layer_scale": how}), layer)
    x, x0 = random(1, 5, 64), random(1, 5, 64, seed=1)
    with torch.no_grad():
        for number, parameter in enumerate(block.parameters()):
            parameter.add_(0.1 * random(*parameter.shape, seed=number))
        inner = block.resid_mix[0] * x + block.resid_mix[1] * x0
        inner = inner + block.attn_scale * block.attn(scale * rms(inner), None)
        expected = inner + block.mlp_scale * block.mlp(scale * rms(inner))
    torch.testing.assert_close(block(x, x0, None), expected, rtol=0, atol=1e-5)


@quick
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_rotated_product_depends_on_the_distance_alone(i, j, shift):
    cos, sin = tables(81, 8, 10000.0, None, CPU)
    q, k = random(1, 1, 1, 16), random(1, 1, 1, 16, seed=1)

    def product(a, b):
        return (rotate(q, cos[a : a + 1], sin[a : a + 1]) * rotate(k, cos[b : b + 1], sin[b : b + 1])).sum()

    torch.testing.assert_close(product(i, j), product(i + shift, j + shift), rtol=0, atol=1e-4)


def test_rotation_keeps_lengths_the_first_position_and_the_dimensions_beyond_it():
    cos, sin = tables(32, 8, 10000.0, None, CPU)
    x = random(2, 32, 3, 16)
    out = rotate(x, cos, sin)
    torch.testing.assert_close(out.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(out[:, 0], x[:, 0])
    assert torch.equal(out[..., 8:], x[..., 8:])
    assert not torch.allclose(out[:, 1:, :, :8], x[:, 1:, :, :8])


def test_the_base_grows_only_beyond_the_training_length():
    lengths = (32, None), (32, 32), (64, 32), (64, None)
    usual, short, long, never = (tables(length, 8, 1e4, limit, CPU)[0] for length, limit in lengths)
    assert torch.equal(short, usual)
    assert not torch.allclose(long[:32], usual)
    assert torch.equal(never[:32], usual)
