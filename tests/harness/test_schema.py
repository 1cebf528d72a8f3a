"""The kind is the file, and the JSON Schema that editors read is the one of the code."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml

from pgolf.core.errors import InputError
from pgolf.harness.resolve import as_json, file_schema, flatten, resolve
from pgolf.harness.schema.base import Part
from pgolf.harness.schema.recipe import Recipe
from tests.command import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
# Of techniques that a choice or a case brings, not a recipe.
OF_NO_RECIPE = {"model.vocabulary.width", "codec.matrices.preset", "codec.matrices.extreme"}
SCALES = sorted((ROOT / "recipes" / "scales").glob("*.yaml"))
SCHEMA = ROOT / "recipes" / "recipe.schema.json"
PR1394 = ROOT / "recipes" / "pr1394.yaml"
assert len(RECIPES) >= 3
assert len(SCALES) >= 1
recipes = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


def classes(root: type[Part] = Part) -> Iterator[type[Part]]:
    for part in root.__subclasses__():
        yield part
        yield from classes(part)


def kind_of(part: type[Part]) -> str | None:
    return get_args(part.model_fields["kind"].annotation)[0] if "kind" in part.model_fields else None


def parts_in(annotation: Any) -> set[type[Part]]:
    """Every class that a recipe can reach."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        inner = [field.annotation for field in annotation.model_fields.values()]
        return {annotation}.union(*map(parts_in, inner))
    return set().union(*map(parts_in, get_args(annotation)))


TECHNIQUES = {f"pgolf.{part.slot}.{kind_of(part)}": part for part in classes() if part.slot and kind_of(part)}
SLOTS = {part.slot for part in TECHNIQUES.values()}


def module_path(name):
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def imported(path):
    """Names of modules that a file imports, with the names it takes from them: any of them may be a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


# The kind is the file


def test_every_technique_of_the_schema_has_its_module():
    assert len(TECHNIQUES) >= 21
    assert [name for name in TECHNIQUES if not module_path(name).is_file()] == []


def test_every_module_of_a_slot_that_nothing_imports_is_a_kind_of_the_schema():
    """A technique is loaded by its kind alone; a module that is neither a kind nor imported can never run."""
    modules = {
        f"pgolf.{slot}.{path.stem}"
        for slot in SLOTS
        for path in ROOT.joinpath("pgolf", *slot.split(".")).glob("*.py")
        if path.stem != "__init__"
    }
    assert len(SLOTS) >= 12
    assert len(modules) > len(TECHNIQUES)
    helpers = {name for path in (ROOT / "pgolf").rglob("*.py") for name in imported(path)}
    assert modules - helpers - set(TECHNIQUES) == set()


def test_every_class_of_the_schema_can_stand_in_a_recipe():
    bases = {part for part in classes() if part.__subclasses__()}
    assert set(classes()) - bases == parts_in(Recipe) - bases


def test_no_field_has_a_default():
    defaults = [
        f"{part.__name__}.{name}" for part in classes() for name, f in part.model_fields.items() if not f.is_required()
    ]
    assert defaults == []


# Values that must go together

TTT = "window: 2048, stride: 64, batch_windows: 32, epochs: 3, lr: 0.1, momentum: 0.9, clip_norm: 1.0, batch_sequences: 32"
LORA = (
    "kind: phased_lora, window: 2048, bos_token: 1, batch_documents: 64, rank: 80, alpha: 144, warm_start: true, lr: 0.1, "
    "betas: [0.0, 0.9], eps: 0.1, weight_decay: 0.5, phases: 3, "
)
SGD = "epochs: 1, lr: 0.1, momentum: 0.9, clip_norm: 1.0"
TOGETHER = {  # settings of pr1394: where the refusal points, and what it says
    ("model.attention.heads=7",): "model: width 512 is not a multiple of attention.heads 7.",
    ("model.attention.kv_heads=3",): "model: attention.heads 8 is not a multiple of attention.kv_heads 3.",
    ("model.attention.rope.dims=66",): "model: attention.rope.dims 66 is over the head width 64.",
    (
        "model.depth.first_layer=6",
    ): "model: depth.first_layer 6 .. depth.last_layer 5 must be an interval within layers 0 .. 10.",
    (
        "model.depth.last_layer=11",
    ): "model: depth.first_layer 4 .. depth.last_layer 11 must be an interval within layers 0 .. 10.",
    ("model.layers=5",): "model: depth.first_layer 4 .. depth.last_layer 5 must be an interval within layers 0 .. 4.",
    (
        "model.attention={kind: gqa_value_embedding, heads: 8, kv_heads: 4, qk_gain: 4.0, rope: {base: 9.0, dims: 16, "
        "train_tokens: null}, outputs: [], value_embedding: {layers: [3, 11], width: 8, init_std: 0.1, scale: 0.1}}",
    ): "model: attention.value_embedding.layers [3, 11] must be within layers 0 .. 10.",
    ("train.batch_tokens=786433",): "train.batch_tokens 786433 is not a multiple of hardware.logical_ranks * "
    "train.sequence_tokens = 16384.",
    ("hardware.world_size=3",): "hardware: world_size 3 does not divide logical_ranks 8.",
    ("seeds=[1, 2, 1]",): "seeds [1, 2, 1] repeat: a seed counts once.",
    (
        "budgets.calibration_reserve_seconds=0",
    ): "budgets.calibration_reserve_seconds is 0, but quant.kind gptq calibrates on training time.",
    ("budgets.calibration_reserve_seconds=600.0",): "budgets: calibration_reserve_seconds 600.0 leaves nothing of "
    "train_seconds 600.0.",
    (
        "model.vocabulary={kind: untied, init_std: 0.1, width: 8}",
    ): "optim.head is null, but model.vocabulary.kind is untied: an "
    "untied vocabulary needs a head, a tied one has none.",
    ("optim.head={kind: adamw, lr: 0.1, betas: [0.9, 0.9], eps: 1.0e-8, weight_decay: 0}",): "optim.head is there, but "
    "model.vocabulary.kind is tied: an untied vocabulary needs a head, a tied one has none.",
    (
        "model.vocabulary={kind: enriched, init_std: 0.1, inputs: [{kind: bigram_hash, buckets: 9, width: 8, scale_init: 0.1, "
        "projection: matrix}]}",
    ): "optim.table is null, but there is a table in model.vocabulary.inputs: a table needs an "
    "optimizer, no table has none.",
    (
        "optim.table={kind: adamw, lr: 0.1, betas: [0.9, 0.9], eps: 1.0e-8, weight_decay: 0}",
    ): "optim.table is there, but there is no table in the model: a table needs an optimizer, no table has none.",
    ("quant={kind: gradient_bits, clip_quantile: 1.0, keep_elements: 9}",): "quant.kind is gradient_bits, but nothing "
    "watches gradients: set optim.gradients.kind to clip_and_watch.",
    (
        "model.residual={kind: parallel, layer_scale: none, start_layer: 11}",
    ): "model: residual.start_layer 11 is not one of the layers 0 .. 10: none would be parallel.",
    (
        f"evaluation.score={{kind: ttt_sgd, chunk_tokens: 3000, {TTT}}}",
    ): "evaluation.score: chunk_tokens 3000, window 2048 and "
    "stride 64: each must be a multiple of the next, or windows score across chunks.",
    (
        f"evaluation.score={{kind: ttt_sgd_tilt, chunk_tokens: 4096, {TTT}, tilt: {{kind: ngram, tokenizer: other.model, "
        "table_bits: 4, base_beta: 2.0, agree_bonus: 0.1}}",
    ): "evaluation.score.tilt.tokenizer is other.model, data.tokenizer fineweb_8192_bpe.model: set them alike.",
    (
        f"evaluation.score={{{LORA} lanes: 8, step_tokens: 48, prefix_documents: 9, global_sgd: {{chunk_tokens: 32768, {SGD}}}}}",
    ): "evaluation.score.kind is phased_lora with windows of 2048 tokens: needs model.attention.kind gqa_documents with "
    "max_tokens no less.",
    (
        f"evaluation.score={{{LORA} lanes: 6, step_tokens: 48, prefix_documents: 9, global_sgd: {{chunk_tokens: 32768, {SGD}}}}}",
    ): "evaluation.score: global_sgd.chunk_tokens 32768 is not a multiple of lanes * window = 12288: each lane learns from "
    "whole windows.",
    (
        f"evaluation.score={{{LORA} lanes: 8, step_tokens: 48, prefix_documents: 2, global_sgd: {{chunk_tokens: 32768, {SGD}}}}}",
    ): "evaluation.score: prefix_documents 2 is below phases 3: a pause has nothing to learn.",
    (
        f"evaluation.score={{{LORA} lanes: 8, step_tokens: 2049, prefix_documents: 9, global_sgd: {{chunk_tokens: 32768, {SGD}}}}}",
    ): "evaluation.score: step_tokens 2049 is over window 2048: a step is scored in one window.",
    (
        "evaluation.score.stride=2049",
    ): "evaluation.score: stride 2049 is over window 2048: tokens between would not be scored.",
}
assert len(TOGETHER) == 25


@pytest.mark.parametrize(("settings", "message"), TOGETHER.items(), ids=[s[0][:40] for s in TOGETHER])
def test_values_that_do_not_go_together_are_refused_at_the_one_that_was_written_last(settings, message):
    with pytest.raises(InputError) as caught:
        resolve(PR1394, settings)
    assert str(caught.value) == f"--set {settings[0]}: {message}"


@pytest.mark.parametrize("field", ["data.loader", "evaluation.score", "evaluation.diagnostic"])
def test_one_token_begins_the_documents_of_all_parts(field):
    with pytest.raises(InputError, match="one token begins all documents, set them alike") as caught:
        resolve(PR1394.with_stem("pr1855"), [f"{field}.bos_token=2"])
    assert f"{field}.bos_token 2" in str(caught.value)


def test_an_untied_vocabulary_with_a_head_is_a_recipe():
    head = "{kind: adamw, lr: 0.1, betas: [0.9, 0.9], eps: 1.0e-8, weight_decay: 0}"
    vocabulary = "{kind: untied, init_std: 0.1, width: 8}"
    recipe = resolve(PR1394, [f"model.vocabulary={vocabulary}", f"optim.head={head}"])
    assert recipe.model.vocabulary.kind == "untied"


# JSON Schema

KEYWORDS = {
    "title",
    "description",
    "$schema",
    "$defs",
    "maxItems",
    "minItems",
}  # maxItems: prefixItems and minItems say it
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int}
LIMITS = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "multipleOf": lambda value, limit: value % limit == 0,
}


def is_a(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, int | float) if name == "number" else isinstance(value, TYPES[name])


def faults(value: Any, schema: Any, path: str = "", root: Any = None) -> list[str]:
    """Dotted paths of the values that a JSON Schema refuses. Knows the words that ours uses, and no others."""
    root = root or schema
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], path, root)
    known = KEYWORDS | {
        "type",
        "const",
        "enum",
        "pattern",
        "anyOf",
        "properties",
        "additionalProperties",
        "items",
        "prefixItems",
    }
    assert set(schema) <= known | set(LIMITS), f"{path}: a word that this test does not know"
    if "anyOf" in schema:
        tried = [faults(value, one, path, root) for one in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len) if len(tried) == 1 else [path]
    wrong = (
        ("type" in schema and not is_a(value, schema["type"]))
        or ("const" in schema and value != schema["const"])
        or ("enum" in schema and value not in schema["enum"])
        or ("pattern" in schema and not re.search(schema["pattern"], value))
        or any(not LIMITS[word](value, schema[word]) for word in LIMITS.keys() & schema)
        or ("minItems" in schema and len(value) < schema["minItems"])
        or ("maxItems" in schema and len(value) > schema["maxItems"])
    )
    if wrong:
        return [path]
    inner = []
    if isinstance(value, dict):
        assert schema["additionalProperties"] is False
        for key, one in value.items():
            place = f"{path}.{key}" if path else key
            known = schema["properties"].get(key)
            inner += faults(one, known, place, root) if known else [place]
    elif isinstance(value, list):
        for i, one in enumerate(value):
            known = schema["prefixItems"][i] if "prefixItems" in schema else schema["items"]
            inner += faults(one, known, f"{path}.{i}", root)
    return inner


def test_the_schema_in_recipes_is_the_one_of_the_code():
    assert SCHEMA.read_text() == json.dumps(file_schema(), indent=2) + "\n"


@recipes
def test_the_schema_accepts_every_recipe(path):
    assert faults(yaml.safe_load(path.read_text()), json.loads(SCHEMA.read_text())) == []


@pytest.mark.parametrize("path", SCALES, ids=lambda path: path.stem)
def test_every_field_of_a_scale_is_one_of_some_recipe(path):
    """A scale holds fields of different kinds of one part side by side, so it is no recipe itself."""
    data = yaml.safe_load(path.read_text())
    cases = data.pop("where", [])
    known = {field for recipe in RECIPES for field in flatten(json.loads(as_json(resolve(recipe))))}
    assert len(flatten(data)) >= 20
    for fields in (data, *(case["set"] for case in cases)):
        assert {field for field in flatten(fields) if field not in OF_NO_RECIPE} - known == set()


@recipes
def test_the_schema_accepts_every_resolved_recipe(path):
    assert faults(json.loads(as_json(resolve(path))), json.loads(SCHEMA.read_text())) == []


REFUSED = {
    "model: {widht: 3}": "model.widht",
    "model: {width: 3.5}": "model.width",
    "model: {width: true}": "model.width",
    "modell: {}": "modell",
    "seeds: []": "seeds",
    "seeds: [-1]": "seeds.0",
    "base: 3": "base",
    "name: a b": "name",
    "model: {attention: {rope: {dims: 5}}}": "model.attention",
    "model: {attention: {outputs: [{kind: xsb}]}}": "model.attention",
    "optim: {scalar: {betas: [0.9, 1.5]}}": "optim.scalar.betas.1",
    "optim: {scalar: {betas: [0.9]}}": "optim.scalar.betas",
    "average: {kind: emma}": "average",
    "quant: {kind: gptq, level: 9}": "quant",
}
assert len(REFUSED) == 14


@pytest.mark.parametrize(("text", "field"), REFUSED.items(), ids=REFUSED)
def test_the_schema_refuses_what_no_recipe_may_say(text, field):
    assert faults(yaml.safe_load(text), json.loads(SCHEMA.read_text())) == [field]


@recipes
def test_every_recipe_tells_editors_where_its_schema_is(path):
    modeline = "# yaml-language-server: $schema="
    assert path.read_text().splitlines()[0] == modeline + SCHEMA.name
