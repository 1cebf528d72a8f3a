"""Whole-program minification: fewer bytes, the same program."""

import ast
import sys
import types

import pytest

from pgolf.harness.bundle import IMPORTER, modules, shipped_recipe
from pgolf.harness.minify import minify, shared_names
from pgolf.harness.resolve import RECIPES, resolve


def run(sources: dict[str, str], entry: str):
    """What `entry` comes to in a world where only these modules exist under pgolf."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "pgolf"}
    try:
        sys.modules["pgolf"] = types.ModuleType("pgolf")
        for name, source in sources.items():
            module = sys.modules[name] = types.ModuleType(name)
            setattr(sys.modules["pgolf"], name.split(".")[1], module)
            exec(compile(source, name, "exec"), module.__dict__)
        scope: dict = {}
        exec(entry, scope)
        return scope["result"]
    finally:
        for name in [n for n in sys.modules if n.split(".")[0] == "pgolf"]:
            del sys.modules[name]
        sys.modules.update(before)


LIBRARY = '''
import math
LIMIT = 3
def clamped(value, limit=LIMIT):
    """Not more than the limit."""
    return min(value, limit)
def circumference(radius): return 2 * math.pi * radius
def length(things): return len(things)
class Counter:
    length = 7
    def clamped(self): return self.length
'''
USER = """
from pgolf.geometry import LIMIT, Counter, circumference, clamped, length
from pgolf import geometry
def answer(length_of):
    def inner():
        nonlocal length_of
        length_of = length_of + [9]
    inner()
    total = length(length_of) + clamped(value=9) + geometry.clamped(2) + LIMIT + geometry.LIMIT
    return [total, Counter().clamped(), Counter.length, round(circumference(1), 3)]
"""
PROGRAM = {"pgolf.geometry": LIBRARY, "pgolf.user": USER}
ENTRY = "from pgolf.user import answer\nresult = answer([1, 2])\n"


def test_a_minified_program_computes_the_same():
    small = minify(PROGRAM, ENTRY)
    assert run(small, ENTRY) == run(PROGRAM, ENTRY) == [3 + 3 + 2 + 3 + 3, 7, 7, 6.283]
    assert sum(map(len, small.values())) < sum(map(len, PROGRAM.values())) * 0.8


def test_names_that_only_modules_share_get_short_and_the_others_stay():
    short = shared_names({name: ast.parse(source) for name, source in PROGRAM.items()}, ENTRY)
    assert set(short) == {"LIMIT", "Counter", "circumference"}  # clamped and length are attributes of a class, too
    assert all(len(name) == 2 for name in short.values())
    assert len(set(short.values())) == len(short)


@pytest.mark.parametrize(
    "use",
    [
        "import pgolf.shared.name as name",
        "def f(name): return g(name=name)",
        "def f():\n    global name\n    name = 1",
        "from math import pi as name",
        "x = thing.name",
    ],
)
def test_a_name_with_a_use_that_cannot_be_followed_stays(use):
    trees = {"pgolf.a": ast.parse("def name(): pass"), "pgolf.b": ast.parse("from pgolf.a import name\n" + use)}
    assert "name" not in shared_names(trees, "")


def test_words_of_what_goes_with_the_program_stay():
    trees = {"pgolf.a": ast.parse("def name(): pass"), "pgolf.b": ast.parse("from pgolf.a import name")}
    assert "name" in shared_names(trees, "")
    assert "name" not in shared_names(trees, '{"name": 1}')


def test_every_attribute_of_a_bundle_is_one_of_the_full_program_or_a_short_name():
    recipe = resolve(RECIPES / "pr1394.yaml")
    full = modules(recipe)
    trees = {name: ast.parse(source) for name, source in full.items()}
    outside = IMPORTER + shipped_recipe(recipe)
    known = {n.attr for tree in trees.values() for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    known |= set(shared_names(trees, outside).values())
    small = minify(full, outside)
    found = {n.attr for s in small.values() for n in ast.walk(ast.parse(s)) if isinstance(n, ast.Attribute)}
    assert len(found) > 200
    assert found - known == set()
