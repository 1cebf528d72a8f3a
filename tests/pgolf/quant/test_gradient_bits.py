"""Bits by gradient: the classes, and rows of any number of bits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core import sensitivity
from pgolf.core.errors import InputError
from pgolf.core.roles import SCALAR, has_role
from pgolf.quant import gradient_bits, policy
from pgolf.quant.int8_rows import quantize_tensor
from tests.recipes import ENRICHED, model_cfg, quick, random_model, tree

CFG = tree(clip_quantile=0.9999984, keep_elements=300)


def counts(values):
    found = gradient_bits.classes({f"t{i}": value for i, value in enumerate(values)})
    return [list(found.values()).count(bits) for bits in (5, 6, 7)]


@pytest.mark.parametrize(("n", "expected"), [(75, [16, 51, 8]), (69, [14, 48, 7]), (5, [2, 2, 1]), (4, [0, 4, 0])])
def test_so_many_distinct_values_give_so_many_of_each_class(n, expected):
    assert counts(torch.randperm(n, generator=torch.Generator().manual_seed(n)).add(1).tolist()) == expected


@quick
@given(st.lists(st.floats(1e-12, 1e3), min_size=5, max_size=90))
def test_classes_follow_the_ranking_and_ties_fall_into_the_extremes(values):
    found = list(gradient_bits.classes({str(i): value for i, value in enumerate(values)}).values())
    ordered = sorted(values)
    low, high = ordered[len(values) // 5], ordered[len(values) * 9 // 10]
    for value, bits in zip(values, found, strict=True):
        assert bits == (7 if value >= high else 5 if value <= low else 6)
    assert [b for _, b in sorted(zip(values, found, strict=True))] == sorted(found)


def test_equal_values_are_all_of_the_highest_class():
    assert counts([0.5] * 20) == [0, 0, 20]


@quick
@given(st.sampled_from([5, 6, 7, 8]), st.integers(0, 999), st.floats(-3, 2))
def test_a_row_of_any_bits_keeps_within_half_a_step_of_its_weights(bits, seed, size):
    top = 2 ** (bits - 1) - 1
    w = 10**size * torch.randn(3, 40, generator=torch.Generator().manual_seed(seed))
    q, scale = quantize_tensor(w, 1.0, bits)
    step = (w.abs().amax(1) / top).clamp_min(1 / top)  # the floor
    assert torch.equal(scale, step.half())
    assert q.abs().max() <= top
    assert ((q * step[:, None] - w).abs() <= 0.5001 * step[:, None]).all()


def test_a_row_with_the_maximum_04_gets_the_step_1_31_and_at_most_25_values():
    w = torch.linspace(-0.4, 0.4, 999)[None]
    q, scale = quantize_tensor(w, 0.9999984, 6)
    assert scale.item() == torch.tensor(1 / 31).half().item()
    assert (q.min(), q.max(), len(q.unique())) == (-12, 12, 25)


def watched(model, tmp_path, monkeypatch, **changed):
    """A model whose tensors have the sensitivities 1, 2, 3, ... in their order, but for those in `changed`."""
    monkeypatch.setattr(sensitivity, "PATH", tmp_path / "sensitivity.json")
    names = [name for name, p in model.named_parameters() if p.dim() == 2 and len(p) >= 32 and not has_role(p, SCALAR)]
    values = {name: 1.0 + i for i, name in enumerate(names)} | changed
    sensitivity.write(values)
    assert sensitivity.read() == values
    return values


def test_every_matrix_is_stored_with_the_bits_of_its_class_and_the_embedding_with_eight(tmp_path, monkeypatch):
    model = random_model(model_cfg(vocabulary=ENRICHED))
    values = watched(model, tmp_path, monkeypatch)
    expected = gradient_bits.classes(values)
    expected["vocabulary.tok_emb"] = 8
    assert gradient_bits.calibrate(CFG, model, None) == {}
    stored = policy.quantize(gradient_bits, CFG, model, {})
    coded = {name[:-2]: q for name, q in stored.items() if name.endswith(".q")}
    assert len(coded) >= 24
    assert {5, 6, 7, 8} == {expected.get(name, 6) for name in coded}
    for name, q in coded.items():
        same = quantize_tensor(model.get_parameter(name).data, CFG.clip_quantile, expected.get(name, 6))
        assert torch.equal(q, same[0]), name
        assert torch.equal(stored[f"{name}.scale"], same[1]), name


def test_the_reader_of_an_artifact_needs_no_bits(tmp_path, monkeypatch):
    model, fresh = (random_model(model_cfg(vocabulary=ENRICHED), seed) for seed in (0, 1))
    watched(model, tmp_path, monkeypatch)
    gradient_bits.calibrate(CFG, model, None)
    assert policy.layout(gradient_bits, CFG, fresh) == policy.layout(gradient_bits, CFG, model)
    stored = policy.quantize(gradient_bits, CFG, model, {})
    policy.restore(stored, fresh)
    found = fresh.get_parameter("blocks.1.mlp.fc.weight")
    name = "blocks.1.mlp.fc.weight"
    assert torch.equal(found, stored[f"{name}.q"].float() * stored[f"{name}.scale"].float()[:, None])


def test_a_run_that_watched_nothing_stores_all_matrices_with_six_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(sensitivity, "PATH", tmp_path / "sensitivity.json")
    sensitivity.write({})
    model = random_model(model_cfg())
    gradient_bits.calibrate(CFG, model, None)
    found = {name: gradient_bits.settings(CFG, p, model) for name, p in model.named_parameters()}
    assert set(found.values()) == {None, 6, 8}
    assert found["blocks.0.attn.c_q.weight"] == 6


def test_without_the_file_of_training_there_is_a_plain_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sensitivity, "PATH", tmp_path / "sensitivity.json")
    with pytest.raises(InputError, match="Run the stage that writes it first"):
        gradient_bits.calibrate(CFG, random_model(model_cfg()), None)
