"""Where tests stand, how long files are, and what a module starts with."""

import ast

import pytest

from tests.command import ROOT

LINES_MAX = {"cli.py": 400, "commands": 400, "harness": 400, "stages": 300}
TECHNIQUE_LINES_MAX = 150
MODULES = sorted((ROOT / "pgolf").rglob("*.py"))
PLAIN = [path for path in MODULES if path.name != "__init__.py"]
TESTS = sorted((ROOT / "tests" / "pgolf").rglob("test_*.py"))
assert len(PLAIN) >= 80
assert len(TESTS) >= 20


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("test", TESTS, ids=name)
def test_every_test_stands_where_its_module_or_folder_does(test):
    folder = ROOT / test.parent.relative_to(ROOT / "tests")
    assert (folder / "__init__.py").is_file()


def test_every_package_that_ships_has_tests():
    packages = {path.name for path in (ROOT / "pgolf").iterdir() if (path / "__init__.py").is_file()} - {
        "harness",
        "commands",
    }
    assert len(packages) == 9
    assert packages - {test.relative_to(ROOT / "tests" / "pgolf").parts[0] for test in TESTS} == set()


def test_no_file_is_too_long():
    lengths = {path: len(path.read_text().splitlines()) for path in PLAIN}
    limits = {path: LINES_MAX.get(path.relative_to(ROOT / "pgolf").parts[0], TECHNIQUE_LINES_MAX) for path in PLAIN}
    assert {name(path): lines for path, lines in lengths.items() if lines > limits[path]} == {}


def test_every_module_says_first_what_it_is():
    assert [name(path) for path in PLAIN if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_every_init_is_empty():
    found = [path for path in MODULES if path.name == "__init__.py"]
    assert len(found) >= 18
    assert [name(path) for path in found if path.read_bytes()] == []


def test_every_folder_with_modules_is_a_package():
    assert {name(path.parent) for path in PLAIN if not (path.parent / "__init__.py").is_file()} == set()
