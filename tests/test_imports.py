"""Arrows point down, and what ships needs nothing that a scored machine does not have."""

import ast
import sys
import tomllib

from importlinter.cli import lint_imports

from tests.command import ROOT

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
LAYERS = next(contract["layers"] for contract in CONFIG["contracts"] if contract["type"] == "layers")
SHIPPED = next(contract["source_modules"] for contract in CONFIG["contracts"] if contract["type"] == "forbidden")
NOT_SHIPPED = {"pgolf.cli", "pgolf.commands", "pgolf.harness"}
COMPRESSORS = {"brotli", "zstandard", "constriction"}
SCORED_MACHINE = {"torch", "numpy", "sentencepiece", "triton", "flash_attn_interface", "pgolf"} | COMPRESSORS
ON_TOP = {
    f"pgolf.{path.stem}"
    for path in (ROOT / "pgolf").iterdir()
    if path.suffix == ".py" or (path / "__init__.py").is_file()
}
FILES = sorted(
    path for name in SHIPPED for path in ROOT.joinpath(*name.split(".")).rglob("*.py") if path.stem != "__init__"
)
assert len(CONFIG["contracts"]) >= 2
assert len(FILES) >= 50


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is relative"
            yield str(node.module).split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def test_every_import_contract_is_kept(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    code = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert code == 0, capsys.readouterr().out
    assert f"Contracts: {len(CONFIG['contracts'])} kept, 0 broken." in capsys.readouterr().out


def test_every_package_stands_in_a_layer():
    assert {name for layer in LAYERS for name in layer.split(" | ")} == ON_TOP - {"pgolf.__init__"}


def test_every_package_but_the_harness_counts_as_shipped():
    assert set(SHIPPED) == ON_TOP - NOT_SHIPPED - {"pgolf.__init__"}


def test_what_ships_imports_what_a_scored_machine_has():
    wrong = {
        path.relative_to(ROOT).as_posix(): set(imports(path)) - SCORED_MACHINE - sys.stdlib_module_names
        for path in FILES
    }
    assert {name: names for name, names in wrong.items() if names} == {}
