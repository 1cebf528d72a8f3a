"""The table of recipes: nothing in it is typed twice, and what is computed is what was published."""

from pathlib import Path

import pytest

from pgolf.harness.catalogue import comparison, parameters, published
from pgolf.harness.resolve import RECIPES, by_name, meaning, resolve

SYSTEMS = published()
assert len(SYSTEMS) == 13


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_published_system_has_a_recipe_with_its_number_of_parameters(name):
    recipe = resolve(RECIPES / f"{name}.yaml")
    assert recipe.name == name
    assert parameters(recipe) == SYSTEMS[name].parameters


def test_a_comparison_names_what_follows_from_the_fields():
    rows = comparison(resolve(RECIPES / "baseline.yaml"), resolve(RECIPES / "pr1394.yaml"))
    assert ("parameters", "17,059,912", "35,943,512") in rows
    assert ("module", "quant.int8_rows", "-") in rows
    assert ("module", "-", "quant.gptq") in rows
    assert ("published bpb", "1.2243657", "1.08563") in rows


def test_a_recipe_compared_with_itself_shows_nothing():
    recipe = resolve(RECIPES / "pr1394.yaml")
    assert comparison(recipe, recipe) == []


def test_fields_and_kinds_have_a_meaning():
    recipe = resolve(RECIPES / "pr1394.yaml")
    assert meaning(recipe, "average.kind") == "Exponential moving average of all weights after every step."
    assert meaning(recipe, "model.attention.outputs.0.last_layers") == "Only the last so many layers; null: all."
    assert meaning(recipe, "no.such.field") == ""


def test_a_bare_word_is_the_recipe_of_that_name_unless_there_is_such_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert by_name(Path("pr1394")) == RECIPES / "pr1394.yaml"
    assert by_name(Path("no_such_recipe")) == Path("no_such_recipe")
    (tmp_path / "pr1394").write_text("")
    assert by_name(Path("pr1394")) == Path("pr1394")
