"""From a model to stored tensors to bytes and back, for every quantiser."""

import re
from pathlib import Path

import pytest
import torch

import pgolf.quant
from pgolf.core import sensitivity
from pgolf.core.load import load
from pgolf.core.roles import EMBEDDING, SCALAR, of_role
from pgolf.harness.resolve import as_json, resolve
from pgolf.model.gpt import GPT
from pgolf.quant import payload
from tests.recipes import UNTIED, model_cfg, random_model, run, tree

GRID = {"bits": 6, "clip_sigmas": 12.85}
QUANTIZERS = {
    "gptq": {"damping": 0.01, "block": 16, "calibration_batches": 2, "matrix": GRID, "embedding": {**GRID, "bits": 8}},
    "gptq_lqer": {
        "damping": 0.01,
        "block": 16,
        "calibration_batches": 2,
        "attention": GRID,
        "mlp": {**GRID, "clip_sigmas": 11.5},
        "embedding": {**GRID, "bits": 7},
        "corrected": 3,
        "rank": 4,
        "group": 8,
    },
    "int8_rows": {"clip_quantile": 0.9999984},
    "int6_rows": {"clip_quantile": 0.9999984, "float16_key_layers": 0},
    "gradient_bits": {"clip_quantile": 0.9999984},
    "gptq_search": {
        "damping": 0.01,
        "block": 16,
        "calibration_batches": 2,
        "clip_quantiles": [0.99, 1.0],
        "int5_matrices": 0,
        "row_quantile": 0.9999984,
    },
}
quantizers = pytest.mark.parametrize("kind", QUANTIZERS)
vocabularies = pytest.mark.parametrize("vocabulary", [{"kind": "tied", "init_std": 0.005}, UNTIED])
RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.fixture(autouse=True)
def watched(tmp_path, monkeypatch):
    """What training leaves for gradient_bits: of seven matrices two get int5, one int7."""
    monkeypatch.setattr(sensitivity, "PATH", tmp_path / "sensitivity.json")
    sensitivity.write({f"blocks.{i % 4}.mlp.{part}.weight": i for i, part in enumerate(["fc", "proj"] * 4)})


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
    layout = quantizer.storage.layout(quantizer, cfg, model)
    stored = quantizer.storage.quantize(quantizer, cfg, model, quantizer.calibrate(cfg, model, batches()))
    data = bytearray(payload.to_bytes(stored, layout))
    quantizer.storage.restore(payload.from_bytes(data, layout), other)
    for (name, old), new in zip(model.named_parameters(), other.parameters(), strict=True):
        coarse = 0.6 if kind == "gptq_search" else 0.35  # six bits; with errors that were moved between coarse columns
        share = coarse if f"{name}.q" in layout else 1e-3  # of float16
        assert (new - old).norm() <= share * old.norm() + 1e-6, name
    again = tiny(vocabulary, seed=2)
    quantizer.storage.restore(payload.from_bytes(data, layout), again)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), other.parameters(), strict=True))


@quantizers
@vocabularies
def test_stored_tensors_are_those_the_layout_describes(kind, vocabulary):
    quantizer, cfg = quantizer_of(kind)
    model = tiny(vocabulary)
    layout = quantizer.storage.layout(quantizer, cfg, model)
    stored = quantizer.storage.quantize(quantizer, cfg, model, quantizer.calibrate(cfg, model, batches()))
    assert {name: (value.dtype, tuple(value.shape)) for name, value in stored.items()} == layout
    coded = [name.endswith(".q") for name in layout]
    assert coded == sorted(coded, reverse=True)  # all codes stand first
    assert 0 < sum(coded) < len(coded)


@quantizers
def test_scalars_are_kept_and_every_large_matrix_is_coded(kind):
    quantizer, cfg = quantizer_of(kind)
    model = tiny(UNTIED)
    kept = {id(p) for p in of_role(model, SCALAR)}
    if kind == "int6_rows":  # whose embedding stays float16
        kept |= {id(p) for p in of_role(model, EMBEDDING)}
    layout = quantizer.storage.layout(quantizer, cfg, model)
    for name, parameter in model.named_parameters():
        coded = id(parameter) not in kept and parameter.numel() > 100
        assert (f"{name}.q" in layout, name in layout) == (coded, not coded), name


@quantizers
def test_the_model_is_left_as_it_is_and_what_is_stored_is_not_part_of_it(kind):
    quantizer, cfg = quantizer_of(kind)
    model = tiny()
    before = [p.detach().clone() for p in model.parameters()]
    stored = quantizer.storage.quantize(quantizer, cfg, model, quantizer.calibrate(cfg, model, batches()))
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
    lines = quantizer.storage.describe(quantizer, cfg, model).splitlines()
    names = [name for line in lines for name in line.split(": ")[1].split(", ")]
    without_numbers = {re.sub(r"\.\d+", "", name) for name, _ in model.named_parameters()}
    assert sorted(names) == sorted(without_numbers)


def published(name):
    """The layout of a published recipe's model, which is described and never filled."""
    cfg = run.parse(as_json(resolve(RECIPES / f"{name}.yaml")))
    cfg.model.init = "zeros"
    with torch.device("meta"):
        model = GPT(cfg.model)
    quantizer = load("quant", cfg.quant)
    return model, quantizer.storage.layout(quantizer, cfg.quant, model)


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


def stored_bytes(layout):
    return sum(dtype.itemsize * torch.Size(shape).numel() for dtype, shape in layout.values())


def test_the_model_of_pr_162_and_what_it_stores_have_the_published_sizes():
    model, layout = published("pr0162")
    assert sum(p.numel() for p in model.parameters()) == 22_368_841
    sizes = {name: torch.Size(shape).numel() for name, (_, shape) in layout.items()}
    coded = [name for name in layout if name.endswith(".q")]
    kept = [name for name in layout if not name.endswith((".q", ".scale"))]
    large = [name for name in kept if sizes[name] > 65_536]
    assert [name for name in coded if not name.startswith("blocks")] == ["vocabulary.inputs.0.table.q"]
    assert (len(coded), len(large), len(kept) - len(large)) == (53 + 1, 2, 40)
    assert large == ["vocabulary.tok_emb", "blocks.8.attn.c_k.weight"]
    assert sizes["vocabulary.inputs.0.proj.weight"] == 65_536
    assert {dtype for name, (dtype, _) in layout.items() if not name.endswith(".q")} == {torch.float16}


def test_the_model_of_pr_332_and_what_it_stores_have_the_published_sizes():
    model, layout = published("pr0332")
    assert sum(p.numel() for p in model.parameters()) == 27_618_913
    assert len([name for name in layout if name.endswith(".q")]) == 72 + 2
    assert stored_bytes(layout) == 27_858_308


def test_the_model_of_pr_1855_and_what_it_stores_have_the_published_sizes():
    model, layout = published("pr1855")
    assert sum(p.numel() for p in model.parameters()) == 35_945_671
    codes = [name for name in layout if name.endswith(".q")]
    gates = [name for name in codes if name.endswith("gate.q")]
    assert (len(codes) - len(gates), len(gates)) == (67, 11)
    assert count(layout, lambda n: n in gates) == 11 * 96
    assert count(layout, lambda n: n.endswith((".left", ".right"))) == 4 * (53_248 + 51_200)
    assert len([name for name in layout if name.endswith(".left")]) == 67
    kept = count(layout, lambda n: not n.endswith((".q", ".scale", ".left", ".right", "_step")))
    assert kept == 35_945_671 - 31_719_424 - 4_194_304 - 11 * 96
