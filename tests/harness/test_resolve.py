import json
import random
import re

import pydantic
import pytest
import yaml

from pgolf.core.errors import InputError
from pgolf.harness.resolve import as_json, differences, digest, flatten, resolve
from pgolf.harness.schema.base import Part
from tests.command import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
PR1394, BASELINE, SMOKE = (ROOT / "recipes" / f"{name}.yaml" for name in ("pr1394", "baseline", "smoke"))
assert len(RECIPES) >= 3
recipes = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


@pytest.fixture
def folder(tmp_path):
    """Recipes are written here, beside a copy of those of pgolf."""
    for path in (PR1394, BASELINE):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def refusal(path, *settings, scale=None):
    """The lines of the refusal, without the folder."""
    with pytest.raises(InputError) as caught:
        resolve(path, settings, scale)
    return str(caught.value).replace(f"{path.parent}/", "").split("\n")


# What resolves


@recipes
@pytest.mark.parametrize("scale", [None, "tiny"])
def test_every_recipe_is_valid_plain_and_tiny(path, scale):
    assert re.fullmatch("[0-9a-f]{64}", digest(resolve(path, (), scale)))


def missing_fields(part, path=""):
    """Fields of a part, and of parts in it, that were not given but filled in."""
    yield from (f"{path}{name}" for name in type(part).model_fields if name not in part.model_fields_set)
    for name in type(part).model_fields:
        value = getattr(part, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Part):
                yield from missing_fields(inner, f"{path}{name}.")


@recipes
@pytest.mark.parametrize("scale", [None, "tiny"])
def test_every_value_of_a_resolved_recipe_was_written_by_somebody(path, scale):
    assert list(missing_fields(resolve(path, (), scale))) == []


@recipes
def test_the_resolved_recipe_is_itself_a_recipe_with_the_same_digest(path, tmp_path):
    recipe = resolve(path)
    again = write(tmp_path, yaml.safe_dump(json.loads(as_json(recipe))))
    assert digest(resolve(again)) == digest(recipe)


def shuffled(value, order):
    if isinstance(value, dict):
        return {key: shuffled(value[key], order) for key in order.sample(list(value), len(value))}
    return [shuffled(one, order) for one in value] if isinstance(value, list) else value


def test_the_digest_does_not_depend_on_the_order_of_fields(tmp_path):
    data = yaml.safe_load(PR1394.read_text())
    orders = {yaml.safe_dump(shuffled(data, random.Random(seed)), sort_keys=False) for seed in range(3)}
    assert len(orders) == 3
    assert {digest(resolve(write(tmp_path, text))) for text in orders} == {digest(resolve(PR1394))}


def test_the_digest_does_not_depend_on_comments_and_on_how_numbers_are_written(folder):
    text = (
        PR1394.read_text().replace("30.0", "30").replace("786432", "786_432  # 1.5 * 2^19").replace("0.085", "8.5e-2")
    )
    assert text.count("# 1.5") == 1
    assert digest(resolve(write(folder, text))) == digest(resolve(PR1394))


def test_the_digest_does_not_depend_on_how_a_recipe_is_split_over_bases(folder):
    write(folder, "base: pr1394.yaml\nmodel: {layers: 5, width: 256}\naverage: {kind: last}\n", "below.yaml")
    split = write(folder, "base: below.yaml\nmodel: {layers: 11, width: 512}\naverage: {kind: ema, decay: 0.997}\n")
    assert digest(resolve(split)) == digest(resolve(PR1394))


def test_one_changed_value_changes_the_digest():
    changed = {digest(resolve(PR1394, [f"model.layers={layers}"])) for layers in (9, 10, 11)}
    assert len(changed) == 3


def test_seeds_are_no_part_of_the_digest():
    assert digest(resolve(PR1394, ["seeds=[5, 6, 7]"])) == digest(resolve(PR1394))


# Bases


def test_a_base_is_found_beside_the_file_that_names_it(folder):
    write(folder, "base: ../pr1394.yaml\nmodel: {layers: 5}\n", "sub/below.yaml")
    top = write(folder, "base: sub/below.yaml\nmodel: {layers: 4}\n")
    assert refusal(top) == [
        "mine.yaml:2: model: depth.first_layer 4 .. depth.last_layer 5 must be an interval within layers 0 .. 3."
    ]


BASES = {
    "base: mine.yaml\nname: x": "mine.yaml:1: base: found 'mine.yaml'; a recipe cannot be its own base (mine.yaml -> mine.yaml).",
    "name: x\nbase: sub/below.yaml": "sub/below.yaml:1: base: found '../mine.yaml'; a recipe cannot be its own base "
    "(mine.yaml -> below.yaml -> mine.yaml).",
    "name: x\nbase: nowhere.yaml": "mine.yaml:2: base: found 'nowhere.yaml'; there is no file nowhere.yaml.",
    "base: sub": "mine.yaml:1: base: found 'sub'; there is no file sub.",
    "base: [pr1394.yaml]": 'mine.yaml:1: base: found ["pr1394.yaml"]; allowed: the file name of a recipe.',
    "base: 3": "mine.yaml:1: base: found 3; allowed: the file name of a recipe.",
    "base:": "mine.yaml:1: base: found null; allowed: the file name of a recipe.",
    "": "mine.yaml:1: found nothing; allowed: a mapping of recipe fields.",
    "\n- 1": "mine.yaml:2: found [1]; allowed: a mapping of recipe fields.",
    "just text": 'mine.yaml:1: found "just text"; allowed: a mapping of recipe fields.',
}
assert len(BASES) == 10


@pytest.mark.parametrize(("text", "line"), BASES.items(), ids=map(repr, BASES))
def test_a_base_that_is_no_recipe_is_refused_in_one_line(folder, text, line):
    write(folder, "base: ../mine.yaml", "sub/below.yaml")
    assert [found.replace("/sub/..", "") for found in refusal(write(folder, text))] == [line]


def test_a_part_of_another_kind_replaces_the_one_below_whole(folder):
    path = write(folder, "base: pr1394.yaml\nquant: {kind: int8_rows, clip_quantile: 0.99, keep_elements: 1}\n")
    assert resolve(path).quant.model_dump() == {"kind": "int8_rows", "clip_quantile": 0.99, "keep_elements": 1}


def test_a_part_of_the_same_kind_keeps_what_is_not_said(folder):
    path = write(folder, "base: pr1394.yaml\nquant: {kind: gptq, block: 64}\n")
    assert resolve(path).quant == resolve(PR1394).quant.model_copy(update={"block": 64})


def test_a_list_replaces_the_one_below_whole(folder):
    path = write(folder, "base: pr1394.yaml\nmodel: {attention: {outputs: []}}\nseeds: [5]\n")
    recipe = resolve(path)
    assert (recipe.model.attention.outputs, recipe.seeds) == ((), (5,))


# Scales


def test_a_scale_sets_only_fields_that_the_recipe_has(folder):
    write(
        folder,
        "title: Small\nmodel: {layers: 5, nothing: 1, vocabulary: {width: 9}, depth: {passes: 4}}\n"
        "optim: {head: {lr: 1.0}}\nmine: {a: 1}\n",
        "scales/small.yaml",
    )
    changed = differences(resolve(BASELINE), resolve(folder / "baseline.yaml", (), "small"))
    assert changed == [("title", '"Naive baseline"', '"Small"'), ("model.layers", "9", "5")]


@recipes
def test_tiny_leaves_every_technique_what_it_is_but_the_stop(path):
    """And but what needs a program of its own, which a small machine may lack."""

    def kinds(scale):
        fields = flatten(json.loads(as_json(resolve(path, (), scale))))
        free = ("train.stop.kind", "codec.matrices.kind")
        return {name: kind for name, kind in fields.items() if name.endswith("kind") and name not in free}

    assert kinds("tiny") == kinds(None)


def test_the_scale_of_a_recipe_comes_before_the_one_asked_for_and_that_before_settings(folder):
    write(folder, "model: {layers: 6, width: 64}\ntitle: One\n", "scales/one.yaml")
    write(folder, "model: {layers: 7}\ntitle: Two\n", "scales/two.yaml")
    path = write(
        folder, "base: pr1394.yaml\nscale: one\nmodel: {layers: 9, width: 512, attention: {heads: 2, kv_heads: 1}}\n"
    )
    recipe = resolve(path, ["title=Set"], "two")
    assert (recipe.model.width, recipe.model.layers, recipe.title) == (64, 7, "Set")


CASES = """
title: Small
where:
  - has: {model: {layers: 9, depth: {kind: once}}}
    set: {title: Flat, model: {layers: 3, nothing: 1}}
  - has: {model: {depth: {kind: loop}}}
    set: {title: Looped}
  - has: {title: Flat, nothing: 1}
    set: {model: {width: 64}}
"""


def test_a_scale_sets_what_depends_on_a_technique_where_the_recipe_has_it(folder):
    write(folder, CASES, "scales/small.yaml")
    small = [resolve(folder / f"{name}.yaml", (), "small") for name in ("baseline", "pr1394")]
    assert [(r.title, r.model.layers, r.model.width) for r in small] == [("Flat", 3, 512), ("Looped", 11, 512)]


def test_a_field_set_by_a_case_is_blamed_where_it_is_written(folder):
    write(folder, CASES.replace("layers: 3", "layers: x"), "scales/small.yaml")
    line = 'scales/small.yaml:5: model.layers: found "x"; allowed: a whole number.'
    assert refusal(folder / "baseline.yaml", scale="small") == [line]


NO_CASES = "3", "{has: {}, set: {}}", "[{has: {a: 1}}]", "[{has: {}, set: {}, or: {}}]", "[{has: 1, set: 2}]"


@pytest.mark.parametrize("cases", NO_CASES)
def test_cases_that_are_none_are_refused(folder, cases):
    write(folder, f"title: Small\nwhere: {cases}\n", "scales/small.yaml")
    line = "scales/small.yaml:2: where: allowed: a list of {has: FIELDS, set: FIELDS}."
    assert refusal(folder / "baseline.yaml", scale="small") == [line]


def test_a_tiny_recipe_that_counts_bytes_by_side_car_trains_on_the_caseops_demo(folder):
    path = write(folder, "base: pr1394.yaml\ndata: {bytes: {kind: sidecar}}\n")
    data = resolve(path, (), "tiny").data
    assert (data.variant, data.tokenizer) == ("democaseops1024", "fineweb_democaseops1024_bpe.model")
    assert resolve(PR1394, (), "tiny").data.variant == "demo1024"


def test_a_recipe_anywhere_may_use_the_scales_of_pgolf(folder):
    assert digest(resolve(folder / "pr1394.yaml", (), "tiny")) == digest(resolve(PR1394, (), "tiny"))


SCALES = {
    "scale: tinny": (None, "mine.yaml:2: scale: found 'tinny'; did you mean tiny? allowed: tiny, bad, empty."),
    "scale: 3": (None, "mine.yaml:2: scale: found '3'; allowed: tiny, bad, empty."),
    "scale: [tiny]": (None, "mine.yaml:2: scale: found \"['tiny']\"; did you mean tiny? allowed: tiny, bad, empty."),
    "scale: ../pr1394": (None, "mine.yaml:2: scale: found '../pr1394'; allowed: tiny, bad, empty."),
    "scale: tiny": ("large", "--scale: found 'large'; allowed: tiny, bad, empty."),
    "scale: empty": (None, "scales/empty.yaml:1: found nothing; allowed: a mapping of recipe fields."),
    "seeds: [3]": ("bad", "scales/bad.yaml:1: found [1]; allowed: a mapping of recipe fields."),
}
assert len(SCALES) == 7


@pytest.mark.parametrize(("text", "scale", "line"), [(t, *v) for t, v in SCALES.items()], ids=SCALES)
def test_a_scale_that_is_none_is_refused_where_it_is_asked_for(folder, text, scale, line):
    write(folder, "- 1", "scales/bad.yaml")
    write(folder, "# nothing", "scales/empty.yaml")
    assert refusal(write(folder, f"base: pr1394.yaml\n{text}\n"), scale=scale) == [line]


# --set

SETTINGS = {
    "optim.matrix.lr=0.022": 0.022,
    "optim.matrix.lr=1.0e-5": 1e-5,
    "optim.matrix.lr=1": 1.0,
    "model.width=768": 768,
    "name=mine": "mine",
    "name='1394'": "1394",
    "title=a = b": "a = b",
    "model.attention.rope.train_tokens=null": None,
    "model.attention.rope.train_tokens=": None,
    "seeds=[3, 4]": [3, 4],
    "seeds.1=7": 7,
    "optim.scalar.betas.0=0.5": 0.5,
    "model.attention.outputs.0.last_layers=4": 4,
    "average={kind: ema, decay: 0.5}": {"kind": "ema", "decay": 0.5},
}
assert len(SETTINGS) == 14


def leaves(value, path=""):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        return {path: value}
    return {name: leaf for key, one in pairs for name, leaf in leaves(one, f"{path}.{key}").items()}


@pytest.mark.parametrize(("setting", "value"), SETTINGS.items(), ids=SETTINGS)
def test_a_setting_gives_the_one_field_it_names_the_value(setting, value):
    field = "." + setting.partition("=")[0]
    before, after = (leaves(json.loads(as_json(resolve(PR1394, settings)))) for settings in ((), [setting]))
    others = {name: leaf for name, leaf in before.items() if not f"{name}.".startswith(f"{field}.")}
    assert after == others | leaves(value, field)


def test_of_two_settings_of_one_field_the_last_counts():
    assert resolve(PR1394, ["model.layers=8", "model.layers=9"]).model.layers == 9


MODEL = "vocab_size, width, layers, output, init, vocabulary, attention, mlp, residual, skips, depth"
BAD_SETTINGS = {
    "model.width": "found no '='; allowed: FIELD=VALUE, for example optim.matrix.lr=0.022.",
    "": "found no '='; allowed: FIELD=VALUE, for example optim.matrix.lr=0.022.",
    "model.widht=3": f"model.widht: no such field; did you mean width? allowed: {MODEL}.",
    "modle.width=3": "modle: no such field; did you mean model? allowed: name, title, track, author, seeds, data, model, "
    "train, optim, average, quant, codec, evaluation, budgets, hardware.",
    "model.\u00b2=3": f"model.\u00b2: no such field; allowed: {MODEL}.",
    "model.width.x=3": "model.width.x: no such field; allowed: nothing.",
    "seeds.5=3": "seeds.5: no such field; allowed: 0, 1, 2, 3, 4.",
    "seeds.-1=3": "seeds.-1: no such field; did you mean 1? allowed: 0, 1, 2, 3, 4.",
    "seeds.x=3": "seeds.x: no such field; allowed: 0, 1, 2, 3, 4.",
    "codec.quality=1e1": "codec.quality: found 1e1, which YAML reads as text; write 1.0e+1.",
    "codec.quality=[1": "not YAML: expected ',' or ']', but got '<stream end>'; close every bracket.",
    "codec={kind: brotli, kind: zlib}": "codec.kind: given twice (first in line 1); keep one.",
    "codec.quality='3'": 'codec.quality: found "3"; allowed: a whole number.',
    "codec.quality=12": "codec.quality: found 12; allowed: less than or equal to 11.",
    "average.kind=emma": 'average.kind: found "emma"; did you mean ema? allowed: ema, swa, last.',
    "average={kind: ema}": "average.decay: missing; add it.",
    "average={decay: 0.9}": "average.kind: missing; allowed: ema, swa, last.",
    "train.stop={kind: steps}": "train.stop.steps: missing; add it.",
    "train.stop={kind: steps, steps: 9, step: 9}": "train.stop.step: no such field; did you mean steps? allowed: kind, steps.",
}
assert len(BAD_SETTINGS) == 19


@pytest.mark.parametrize(("setting", "line"), BAD_SETTINGS.items(), ids=map(repr, BAD_SETTINGS))
def test_a_setting_that_does_not_fit_is_named_in_the_one_line_of_its_refusal(setting, line):
    assert refusal(PR1394, setting) == [f"--set {setting}: {line}"]


# Values

FIELDS = {  # lines over pr1394: the refusal
    "model: {width: '3'}": 'mine.yaml:2: model.width: found "3"; allowed: a whole number.',
    "model: {width: 3.5}": "mine.yaml:2: model.width: found 3.5; allowed: a whole number.",
    "model: {width: 512.0}": "mine.yaml:2: model.width: found 512.0; allowed: a whole number.",
    "model: {width: true}": "mine.yaml:2: model.width: found true; allowed: a whole number.",
    "model: {width: null}": "mine.yaml:2: model.width: found null; allowed: a whole number.",
    "model: {width: 0}": "mine.yaml:2: model.width: found 0; allowed: greater than or equal to 1.",
    "model:\n  output:\n    cap: nan": 'mine.yaml:4: model.output.cap: found "nan"; allowed: a number.',
    "model:\n  output:\n    cap: .nan": "mine.yaml:4: model.output.cap: found .nan; allowed: finite numbers.",
    "model:\n  output:\n    cap: true": "mine.yaml:4: model.output.cap: found true; allowed: a number.",
    "model:\n  output:\n    cap: 0.0": "mine.yaml:4: model.output.cap: found 0.0; allowed: greater than 0.",
    "model:\n\n  widht: 3": f"mine.yaml:4: model.widht: no such field; did you mean width? allowed: {MODEL}.",
    "model: {init: unifrom}": "mine.yaml:2: model.init: found \"unifrom\"; allowed: 'uniform' or 'orthogonal'.",
    "model: {attention: {rope: {dim: 3}}}": "mine.yaml:2: model.attention.rope.dim: no such field; did you mean dims? "
    "allowed: base, dims, train_tokens.",
    "model: {attention: {outputs: [{kind: xsa, last_layers: 1}, {kind: xsa, layers: 1}]}}": (
        "mine.yaml:2: model.attention.outputs.1.last_layers: missing; add it.",
        "mine.yaml:2: model.attention.outputs.1.layers: no such field; did you mean last_layers? allowed: kind, last_layers.",
    ),
    "optim: {matrix: {momentum: {step: 3}}}": "mine.yaml:2: optim.matrix.momentum.step: no such field; did you mean steps? "
    "allowed: first, last, steps.",
    "quant: {matrix: {bit: 3}}": "mine.yaml:2: quant.matrix.bit: no such field; did you mean bits? allowed: bits, clip_sigmas.",
    "optim: {scalar: {betas: [0.9]}}": "mine.yaml:2: optim.scalar.betas.1: missing; add it.",
    "optim: {scalar: {betas: [0, 0, 0]}}": "mine.yaml:2: optim.scalar.betas: found [0, 0, 0]; allowed: at most 2 items.",
    "seeds: []": "mine.yaml:2: seeds: found []; allowed: at least 1 item.",
    "seeds: 3": "mine.yaml:2: seeds: found 3; allowed: a list.",
    "seeds: [3, -1]": "mine.yaml:2: seeds.1: found -1; allowed: greater than or equal to 0.",
    "codec: brotli": 'mine.yaml:2: codec: found "brotli"; allowed: a mapping of fields.',
    "codec: {kind: [zlib]}": 'mine.yaml:2: codec.kind: found ["zlib"]; did you mean zlib? allowed: brotli, zlib, zstd, xz, '
    "lrzip, grouped, constriction.",
    "name: my recipe": 'mine.yaml:2: name: found "my recipe"; allowed: text of the form ^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$.',
    "scal: tiny": "mine.yaml:2: scal: no such field; did you mean scale? allowed: name, title, track, author, seeds, data, model, "
    "train, optim, average, quant, codec, evaluation, budgets, hardware, base, scale.",
    "title: {" + ", ".join(f"field{i}: {i}" for i in range(30)) + "}": (
        'mine.yaml:2: title: found {"field0": 0, "field1": 1, "field2": 2, "field3": 3, "fie...; allowed: text.'
    ),
}  # fmt: skip
assert len(FIELDS) == 26


@pytest.mark.parametrize(("text", "lines"), FIELDS.items(), ids=[repr(text)[:50] for text in FIELDS])
def test_a_field_that_is_wrong_is_refused_with_place_found_and_allowed(folder, text, lines):
    found = refusal(write(folder, f"base: pr1394.yaml\n{text}\n"))
    assert found == ([lines] if isinstance(lines, str) else list(lines))


def test_all_wrong_fields_of_all_files_are_told_at_once(folder):
    write(folder, "base: pr1394.yaml\nname: a b\nmodel: {layers: 1, nothing: 2}\n", "below.yaml")
    path = write(folder, "base: below.yaml\nmodel:\n  width: -1\n")
    lines = refusal(path, "codec.quality=99", "codec.window_bits=x")
    assert [line.split(": ")[:2] for line in lines] == [
        ["below.yaml:2", "name"], ["mine.yaml:3", "model.width"], ["below.yaml:3", "model.layers"],
        ["below.yaml:3", "model.nothing"], ["--set codec.quality=99", "codec.quality"],
        ["--set codec.window_bits=x", "codec.window_bits"],
    ]  # fmt: skip


def test_every_missing_field_is_told(folder):
    path = write(folder, "name: x\nmodel: {width: 3}\nseeds: [1]\n")
    lines = refusal(path)
    assert [line for line in lines if "title" in line or "output" in line] == [
        "mine.yaml:1: title: missing; add it.",
        "mine.yaml:2: model.output: missing; add it.",
    ]


def test_a_whole_number_will_do_for_a_fraction():
    value = resolve(PR1394, ["model.output.cap=30"]).model.output.cap
    assert (type(value), value) == (float, 30.0)


def test_no_value_of_a_recipe_can_be_changed():
    recipe = resolve(PR1394)
    for part, name in ((recipe, "name"), (recipe.model, "width"), (recipe.optim.matrix.momentum, "steps")):
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(part, name, getattr(part, name))
    assert isinstance(recipe.seeds, tuple)


# Differences


def test_two_recipes_differ_in_just_the_fields_that_were_changed():
    changed = resolve(PR1394, ["model.layers=12", "average={kind: last}", "model.attention.outputs=[]"])
    assert differences(resolve(PR1394), changed) == [
        ("model.layers", "11", "12"),
        ("model.attention.outputs.0.kind", '"xsa"', "-"),
        ("model.attention.outputs.0.last_layers", "null", "-"),
        ("average.kind", '"ema"', '"last"'),
        ("average.decay", "0.997", "-"),
        ("model.attention.outputs", "-", "[]"),
    ]


def test_a_recipe_does_not_differ_from_itself():
    assert differences(resolve(SMOKE), resolve(SMOKE)) == []
