"""PR 162's export: exactly the published codes and steps, and what is coded how."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.roles import EMBEDDING, MATRIX, SCALAR, TABLE, has_role
from pgolf.quant.int6_rows import quantize_rows, settings
from pgolf.quant.int_bits import dequantize
from tests.golden.load import tensors
from tests.recipes import ENRICHED, model_cfg, quick, random_model, tree

SMALLEST = torch.finfo(torch.float16).tiny


@pytest.mark.parametrize("name", ["matrix", "vector"])
def test_codes_steps_and_weights_are_exactly_the_published_ones(name):
    """The published rule for a vector is that for a matrix of one row."""
    golden = {key: value for key, value in tensors("pr162").items() if key.startswith(f"int6.{name}.")}
    assert len(golden) == 4
    w = golden[f"int6.{name}.in"].view(-1, golden[f"int6.{name}.in"].size(-1))
    q, scale = quantize_rows(w)
    assert torch.equal(q, golden[f"int6.{name}.q"].view(q.shape))
    assert torch.equal(scale, golden[f"int6.{name}.scale"].view(scale.shape))
    assert torch.equal(dequantize(q, scale), golden[f"int6.{name}.dequant"].view(q.shape))


@quick
@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 999), st.floats(-9, 3))
def test_no_row_is_clipped_and_an_error_is_at_most_half_a_step(rows, columns, seed, size):
    """The published grid has -32 as well, which no row can reach."""
    w = 10**size * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    q, scale = quantize_rows(w)
    assert scale.dtype == torch.float16
    assert (scale >= SMALLEST).all()
    assert q.min() >= -31
    assert ((dequantize(q, scale) - w).abs() <= (0.5 + 31 * 2**-11 + 1e-4) * scale.float()[:, None]).all()
    full = w.abs().amax(1) > 32 * SMALLEST
    assert (q[full].abs().amax(1) >= 30).all()


def test_a_row_with_the_maximum_062_has_the_worked_examples_codes():
    q, scale = quantize_rows(torch.tensor([[0.62, -0.31, 0.01]]))
    assert (q.tolist(), scale.item()) == ([[31, -15, 0]], pytest.approx(0.02, rel=1e-3))


@pytest.mark.parametrize("layers", [0, 1, 2, 4])
def test_roles_decide_how_a_parameter_is_stored_and_the_last_keys_stay(layers):
    cfg, model = tree(keep_elements=300, float16_key_layers=layers), random_model(model_cfg(vocabulary=ENRICHED))
    keys = [block.attn.c_k.weight for block in model.blocks]
    kept_keys = {id(key) for key in keys[len(keys) - layers :]}
    found = {}
    for name, parameter in model.named_parameters():
        bits = found[name] = settings(cfg, parameter, model)
        kept = has_role(parameter, EMBEDDING) or has_role(parameter, SCALAR) or id(parameter) in kept_keys
        expected = None if kept or parameter.numel() <= 300 else {MATRIX: 6, TABLE: 8}[parameter.role.split(".")[0]]
        assert bits == expected, name
    assert sum(found[f"blocks.{i}.attn.c_k.weight"] is None for i in range(4)) == layers
    assert found["vocabulary.inputs.0.table"] == 8
