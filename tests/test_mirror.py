"""Where tests stand, how long files are, and what a module starts with."""

import ast

import pytest

from tests.command import ROOT

LINES_MAX = {"cli.py": 400, "commands": 400, "harness": 400, "stages": 300}
TECHNIQUE_LINES_MAX = 150
VERIFY_LINES_MAX = 400
MODULES = sorted([*(ROOT / "pgolf").rglob("*.py"), *(ROOT / "verify").rglob("*.py")])
PLAIN = [path for path in MODULES if path.name != "__init__.py"]
TESTS = sorted(path for half in ("pgolf", "verify") for path in (ROOT / "tests" / half).rglob("test_*.py"))
assert len(PLAIN) >= 150
assert len(TESTS) >= 60


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("test", TESTS, ids=name)
def test_every_test_stands_where_its_module_or_folder_does(test):
    folder = ROOT / test.parent.relative_to(ROOT / "tests")
    assert (folder / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("half", "elsewhere", "number"), [("pgolf", {"harness", "commands"}, 9), ("verify", set(), 11)]
)
def test_every_package_has_tests(half, elsewhere, number):
    packages = {path.name for path in (ROOT / half).iterdir() if (path / "__init__.py").is_file()} - elsewhere
    tested = {
        test.relative_to(ROOT / "tests" / half).parts[0] for test in TESTS if test.is_relative_to(ROOT / "tests" / half)
    }
    assert len(packages) == number
    assert packages - tested == set()


def lines_max(path):
    half, inner = path.relative_to(ROOT).parts[:2]
    return VERIFY_LINES_MAX if half == "verify" else LINES_MAX.get(inner, TECHNIQUE_LINES_MAX)


def test_no_file_is_too_long():
    lengths = {path: len(path.read_text().splitlines()) for path in PLAIN}
    limits = {path: lines_max(path) for path in PLAIN}
    assert {name(path): lines for path, lines in lengths.items() if lines > limits[path]} == {}


def test_every_module_says_first_what_it_is():
    assert [name(path) for path in PLAIN if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_every_init_is_empty():
    found = [path for path in MODULES if path.name == "__init__.py"]
    assert len(found) >= 18
    assert [name(path) for path in found if path.read_bytes()] == []


def test_every_folder_with_modules_is_a_package():
    assert {name(path.parent) for path in PLAIN if not (path.parent / "__init__.py").is_file()} == set()
