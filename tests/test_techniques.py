"""What every technique promises by being there: a schema class, a card, the functions of its slot, a recipe, a bundle."""

import ast
import pkgutil
from importlib import import_module
from typing import get_args

import pytest

import pgolf.harness.schema
from pgolf.harness import bundle
from pgolf.harness.minify import minify
from pgolf.harness.resolve import RECIPES, kinds_of, resolve
from pgolf.harness.schema.base import Part
from tests.command import ROOT

FUNCTIONS = {  # slot: what its techniques offer
    "data": {"build"},
    "data.bytes": {"count"},
    "model.depth": {"orders", "phase"},
    "optim": {"build"},
    "optim.schedule": {"multiplier"},
    "optim.gradients": {"build"},
    "average": {"build"},
    "quant": {"calibrate", "settings", "encode", "kept_type", "label"},
    "codec": {"compress", "decompress"},
    "codec.symbols": {"size", "measure", "model"},
    "evals": {"label", "prepare", "score"},
    "evals.tilt": {"prepare", "hints"},
}
WRAPPERS = {("quant", "fit_clip"): {"calibrate", "layout", "quantize", "restore", "describe"}}
WRAPPERS["quant", "fit_bits"] = WRAPPERS["quant", "fit_clip"]
NO_TECHNIQUE = {  # modules in the folders of slots that techniques share
    "data": {"shards"},
    "model.attention": {"kernel"},
    "model.mlp": {"kernel"},
    "model.output": {"kernel"},
    "optim": {"groups", "newton_schulz"},
    "optim.schedule": {"progress"},
    "quant": {"clip_sd", "fitting", "hessian", "int_bits", "low_rank", "payload", "policy"},
    "codec": {"artifact", "byte_shuffle", "pieces"},
    "evals": {"document_ledger", "document_queue", "learning_ledger", "ledger", "lora", "scored", "windows"},
    "evals.tilt": {"kernel"},
}
CHOICES = {  # techniques that no recipe of ours takes: another vocabulary, other codecs, documents without phases
    ("model.vocabulary", "untied"),
    ("codec", "xz"),
    ("codec", "constriction"),
    ("codec.symbols", "table"),
    ("codec.symbols", "gaussian"),
    ("evals", "document_lora"),
}


def subclasses(part: type[Part]) -> list[type[Part]]:
    return [part, *(below for one in part.__subclasses__() for below in subclasses(one))]


for module in pkgutil.iter_modules(pgolf.harness.schema.__path__):
    import_module(f"pgolf.harness.schema.{module.name}")
TECHNIQUES = {(part.slot, kind): part for part in subclasses(Part) if part.slot for kind in kinds_of(part)}
RECIPE_FILES = sorted(RECIPES.glob("*.yaml"))
assert len(TECHNIQUES) >= 35
assert len(RECIPE_FILES) >= 15
every = pytest.mark.parametrize(("slot", "kind"), TECHNIQUES, ids=lambda value: value)


@pytest.fixture(scope="module")
def bundles() -> list[tuple[set[str], dict[str, str]]]:
    """For each recipe the modules of the techniques it names, and {module: source} of all it ships."""
    recipes = [resolve(path) for path in RECIPE_FILES]
    return [(set(bundle.kinds(recipe)), bundle.modules(recipe)) for recipe in recipes]


def test_schema_and_files_name_the_same_techniques():
    on_disk = set()
    for slot in {slot for slot, _ in TECHNIQUES}:
        files = (ROOT / "pgolf").joinpath(*slot.split(".")).glob("*.py")
        on_disk |= {(slot, f.stem) for f in files} - {
            (slot, name) for name in {"__init__", *NO_TECHNIQUE.get(slot, ())}
        }
    assert on_disk == set(TECHNIQUES)


@every
def test_a_technique_offers_the_functions_of_its_slot(slot, kind):
    module = import_module(f"pgolf.{slot}.{kind}")
    wanted = WRAPPERS.get((slot, kind)) or FUNCTIONS.get(slot, {"build"})
    assert {name for name in wanted if not callable(getattr(module, name, None))} == set()


@every
def test_a_technique_says_what_it_is_in_its_module_and_in_the_schema(slot, kind):
    card = ast.get_docstring(ast.parse((ROOT / "pgolf").joinpath(*slot.split("."), f"{kind}.py").read_text()))
    assert card
    assert len(card.splitlines()[0]) > 20
    part = TECHNIQUES[slot, kind]
    assert part.__doc__ or slot == "codec"
    assert get_args(part.model_fields["kind"].annotation) == (kind,)


@every
def test_no_field_of_a_technique_has_a_default(slot, kind):
    assert [name for name, field in TECHNIQUES[slot, kind].model_fields.items() if not field.is_required()] == []


@every
def test_a_technique_ships_with_the_recipes_that_use_it_and_with_no_others(slot, kind, bundles):
    module = f"pgolf.{slot}.{kind}"
    assert any(module in named for named, _ in bundles) == ((slot, kind) not in CHOICES)
    for named, shipped in bundles:
        imported = any(module in bundle.imports(source) for source in shipped.values())
        assert (module in shipped) == (module in named or imported)


def test_all_techniques_together_minify_to_a_program_that_compiles(bundles):
    sources = {name: source for _, shipped in bundles for name, source in shipped.items()}
    small = minify(sources, bundle.IMPORTER)
    assert set(small) == set(sources)
    for name, source in small.items():
        compile(source, name, "exec")
