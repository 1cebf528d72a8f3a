"""From a model to stored tensors to bytes and back, for every quantiser."""

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import pgolf.quant
from pgolf.core.errors import ArtifactError
from pgolf.core.load import load
from pgolf.core.roles import SCALAR, of_role
from pgolf.harness.resolve import as_json, resolve
from pgolf.model.gpt import GPT
from pgolf.quant import payload, policy
from tests.recipes import UNTIED, build_model, model_cfg, quick, random_model, run, tree

GRID = {"bits": 6, "clip_sigmas": 12.85}
QUANTIZERS = {
    "gptq": {"damping": 0.01, "block": 16, "calibration_batches": 2, "matrix": GRID, "embedding": {**GRID, "bits": 8}},
    "int8_rows": {"clip_quantile": 0.9999984},
}
quantizers = pytest.mark.parametrize("kind", QUANTIZERS)
vocabularies = pytest.mark.parametrize("vocabulary", [{"kind": "tied", "init_std": 0.005}, UNTIED])
RECIPES = Path(__file__).parents[3] / "recipes"


def quantizer_of(kind, keep_elements=100):
    cfg = tree(kind=kind, keep_elements=keep_elements, **QUANTIZERS[kind])
    return load("quant", cfg), cfg


def tiny(vocabulary=None, seed=0):
    return random_model(model_cfg(vocabulary=vocabulary) if vocabulary else model_cfg(), seed)


def batches(seed=0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randint(48, (2, 12), generator=generator)


def test_every_quantiser_on_disk_is_tested():
    """A quantiser is a module that says how it codes a parameter."""
    modules = [path for path in Path(pgolf.quant.__file__).parent.glob("*.py") if "\ndef settings(" in path.read_text()]
    assert {path.stem for path in modules} == set(QUANTIZERS)


@quantizers
@vocabularies
def test_a_model_through_bytes_and_back_is_close_to_itself(kind, vocabulary):
    quantizer, cfg = quantizer_of(kind)
    model, other = tiny(vocabulary, seed=0), tiny(vocabulary, seed=1)
    layout = policy.layout(quantizer, cfg, model)
    stored = policy.quantize(quantizer, cfg, model, quantizer.calibrate(cfg, model, batches()))
    data = payload.to_bytes(stored, layout)
    policy.restore(payload.from_bytes(data, layout), other)
    for (name, old), new in zip(model.named_parameters(), other.parameters(), strict=True):
        share = 0.35 if f"{name}.q" in layout else 1e-3  # of six bits, and of float16
        assert (new - old).norm() <= share * old.norm() + 1e-6, name
    again = tiny(vocabulary, seed=2)
    policy.restore(payload.from_bytes(data, layout), again)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), other.parameters(), strict=True))


@quantizers
@vocabularies
def test_stored_tensors_are_those_the_layout_describes(kind, vocabulary):
    quantizer, cfg = quantizer_of(kind)
    model = tiny(vocabulary)
    layout = policy.layout(quantizer, cfg, model)
    stored = policy.quantize(quantizer, cfg, model, quantizer.calibrate(cfg, model, batches()))
    assert {name: (value.dtype, tuple(value.shape)) for name, value in stored.items()} == layout
    coded = [name.endswith(".q") for name in layout]
    assert coded == sorted(coded, reverse=True)  # all codes stand first
    assert 0 < sum(coded) < len(coded)


@quantizers
def test_scalars_are_kept_and_every_large_matrix_is_coded(kind):
    quantizer, cfg = quantizer_of(kind)
    model = tiny(UNTIED)
    scalars = {id(p) for p in of_role(model, SCALAR)}
    layout = policy.layout(quantizer, cfg, model)
    for name, parameter in model.named_parameters():
        coded = id(parameter) not in scalars and parameter.numel() > 100
        assert (f"{name}.q" in layout, name in layout) == (coded, not coded), name


@quantizers
def test_the_model_is_left_as_it_is_and_what_is_stored_is_not_part_of_it(kind):
    quantizer, cfg = quantizer_of(kind)
    model = tiny()
    before = [p.detach().clone() for p in model.parameters()]
    stored = policy.quantize(quantizer, cfg, model, quantizer.calibrate(cfg, model, batches()))
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    kept = {name: value.clone() for name, value in stored.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert [name for name in stored if not torch.equal(stored[name], kept[name])] == []


@quantizers
def test_every_parameter_is_in_one_line_of_the_description(kind):
    quantizer, cfg = quantizer_of(kind)
    model = tiny()
    lines = policy.describe(quantizer, cfg, model).splitlines()
    names = [name for line in lines for name in line.split(": ")[1].split(", ")]
    without_numbers = {re.sub(r"\.\d+", "", name) for name, _ in model.named_parameters()}
    assert sorted(names) == sorted(without_numbers)


def restored_parameters():
    model = build_model(model_cfg())
    quantizer, cfg = quantizer_of("gptq")
    return policy.layout(quantizer, cfg, model)


SHAPES = st.lists(st.integers(1, 5), max_size=3).map(tuple)
TYPES = st.sampled_from([torch.int8, torch.float16, torch.float32])


@quick
@given(st.lists(st.tuples(TYPES, SHAPES), min_size=1, max_size=6), st.integers(0, 99))
def test_any_tensors_in_any_order_survive_being_bytes(described, seed):
    generator = torch.Generator().manual_seed(seed)
    layout = {f"t{i}": one for i, one in enumerate(described)}
    stored = {n: (100 * torch.randn(shape, generator=generator)).to(dtype) for n, (dtype, shape) in layout.items()}
    data = payload.to_bytes(stored, layout)
    assert len(data) == sum(value.numel() * value.element_size() for value in stored.values())
    found = payload.from_bytes(data, layout)
    assert list(found) == list(stored)
    assert all(torch.equal(found[name], stored[name]) and found[name].dtype == stored[name].dtype for name in stored)


@pytest.mark.parametrize("change", [-1, 1, -100])
def test_bytes_of_another_length_are_refused(change):
    layout = restored_parameters()
    size = sum(dtype.itemsize * torch.Size(shape).numel() for dtype, shape in layout.values())
    assert len(payload.from_bytes(bytes(size), layout)) == len(layout)
    with pytest.raises(ArtifactError):
        payload.from_bytes(bytes(size + change), layout)


def test_a_fingerprint_changes_with_any_name_type_shape_or_order():
    layout = {"a.q": (torch.int8, (2, 3)), "a.scale": (torch.float16, (2,)), "b": (torch.float16, (4,))}
    others = [
        {"c.q": layout["a.q"], "a.scale": layout["a.scale"], "b": layout["b"]},
        {**layout, "b": (torch.float32, (4,))},
        {**layout, "a.q": (torch.int8, (3, 2))},
        {**layout, "a.q": (torch.int8, (6,))},
        dict(reversed(layout.items())),
        {"a.q": layout["a.q"], "a.scale": layout["a.scale"]},
    ]
    found = {payload.fingerprint(one) for one in [layout, dict(layout), *others]}
    assert len(found) == 1 + len(others)
    assert all(0 <= one < 2**32 for one in found)


def published(name):
    """The layout of a published recipe's model, which is described and never filled."""
    cfg = run.parse(as_json(resolve(RECIPES / f"{name}.yaml")))
    cfg.model.init = "zeros"
    with torch.device("meta"):
        model = GPT(cfg.model)
    return model, policy.layout(load("quant", cfg.quant), cfg.quant, model)


def count(layout, keep):
    return sum(torch.Size(shape).numel() for name, (_, shape) in layout.items() if keep(name))


def test_the_baselines_model_and_payload_have_the_published_sizes():
    model, layout = published("baseline")
    assert sum(p.numel() for p in model.parameters()) == 17_059_912
    assert count(layout, lambda n: n.endswith(".q") and n.startswith("blocks")) == 16_515_072
    assert 2 * count(layout, lambda n: n.endswith(".scale") and n.startswith("blocks")) == 55_296
    assert sum(dtype.itemsize * torch.Size(shape).numel() for dtype, shape in layout.values()) == 17_178_912


def test_the_model_of_pr_1394_and_what_it_stores_have_the_published_sizes():
    model, layout = published("pr1394")
    assert sum(p.numel() for p in model.parameters()) == 35_943_512
    assert len([name for name in layout if name.endswith(".q")]) == 67
    assert count(layout, lambda n: n.endswith(".q") and n.startswith("blocks")) == 31_719_424
    assert count(layout, lambda n: n.endswith(".q") and not n.startswith("blocks")) == 4_194_304
    assert count(layout, lambda n: n.endswith(".scale")) == 53_248
    assert count(layout, lambda n: not n.endswith((".q", ".scale"))) == 29_784
    assert {dtype for name, (dtype, _) in layout.items() if not name.endswith(".q")} == {torch.float16}
