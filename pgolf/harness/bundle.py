"""A recipe as one file: train_gpt.py, holding the modules the recipe uses and nothing else.

The modules stay modules: an in-memory importer serves them with their source, so tracebacks show lines and Triton finds its
kernels. Every scored run executes this file, alone, without pgolf installed.
"""

import ast
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
from pydantic import BaseModel

from pgolf.core.errors import InputError
from pgolf.harness.minify import minify, shorten
from pgolf.harness.schema.base import Part
from pgolf.harness.schema.recipe import Recipe

ROOT = Path(__file__).parents[1]
STAGES = ("main", "train", "quantize", "package", "diagnose", "evaluate")
NOT_SHIPPED: Any = {
    "title": True,
    "author": True,
    "track": True,
    "seeds": True,
    "data": {"repo"},
    "hardware": {"world_size"},
    "budgets": {"artifact_bytes"},
}

IMPORTER = '''\
import sys
from importlib.util import spec_from_loader
class Bundle:
    """Imports the modules of this file from memory; get_source serves tracebacks and Triton."""
    def find_spec(self, name, path=None, target=None):
        inner = any(module.startswith(name + ".") for module in SOURCES)
        if inner or name in SOURCES:
            return spec_from_loader(name, self, is_package=inner)
    def create_module(self, spec):
        pass
    def exec_module(self, module):
        name = module.__name__
        module.__file__ = f"{sys.argv[0]}/{name}.py"
        exec(compile(self.get_source(name), module.__file__, "exec"), module.__dict__)
    def get_source(self, name):
        return SOURCES.get(name, "")
sys.meta_path.insert(0, Bundle())
from pgolf.stages.main import main
main(RECIPE)
'''


def kinds(part: BaseModel) -> Iterator[str]:
    """Modules named by the techniques of a recipe: pgolf.SLOT.KIND."""
    if isinstance(part, Part) and part.slot:
        yield f"pgolf.{part.slot}.{part.kind}"  # type: ignore[attr-defined]
    for name in type(part).model_fields:
        value = getattr(part, name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, BaseModel):
                yield from kinds(child)


def file_of(module: str) -> Path | None:
    """The file of a module; None for a package, whose __init__ is empty by rule."""
    path = ROOT.parent / Path(*module.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    if path.is_dir():
        return None
    raise InputError(f"{module}: there is no file {path.with_suffix('.py')}; a kind in a recipe must be a module.")


def imports(source: str) -> Iterator[str]:
    """pgolf modules a source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "pgolf":
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}")
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "pgolf")


def is_module(name: str) -> bool:
    path = ROOT.parent / Path(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def modules(recipe: Recipe) -> dict[str, str]:
    """{module: source} of everything the recipe runs, by depth, then by name."""
    todo = [f"pgolf.stages.{stage}" for stage in STAGES] + list(kinds(recipe))
    found: dict[str, str] = {}
    while todo:
        name = todo.pop()
        path = None if name in found else file_of(name)
        if path is None:
            continue
        if name.startswith(("pgolf.harness", "pgolf.commands", "pgolf.cli")):
            raise InputError(f"{name} is part of the harness and cannot ship: a bundled module imports it.")
        found[name] = path.read_text(encoding="utf-8")
        todo += imports(found[name])
    return dict(sorted(found.items(), key=lambda item: (item[0].count("."), item[0])))


def shipped_recipe(recipe: Recipe) -> str:
    return json.dumps(recipe.model_dump(mode="json", exclude=NOT_SHIPPED), separators=(",", ":"))


def encode(sources: dict[str, str], recipe: Recipe) -> bytes:
    """Names and sources of all modules, the recipe and the importer as one compressed string: the smallest of a few ways."""
    start = [shipped_recipe(recipe), shorten(IMPORTER, ["SOURCES", "RECIPE", "Bundle"])]
    ways = []
    for names in (list(sources), sorted(sources)):
        pieces = [piece for name in names for piece in (name, sources[name])] + start
        assert not any("\n\n" in piece for piece in pieces), "a blank line separates the pieces"
        text = "\n\n".join(pieces).encode()
        ways += [
            brotli.compress(text, mode=mode, quality=11, lgwin=16) for mode in (brotli.MODE_TEXT, brotli.MODE_FONT)
        ]
    return min(ways, key=len)


def packed(recipe: Recipe) -> str:
    """The script as it is judged: minified, compressed, extracting itself in memory."""
    body = base64.b85encode(encode(minify(modules(recipe), IMPORTER + shipped_recipe(recipe)), recipe)).decode()
    return (
        f'import base64,brotli\n*S,RECIPE,I=brotli.decompress(base64.b85decode("{body}")).decode().split("\\n\\n")\n'
        "SOURCES=dict(zip(S[::2],S[1::2]))\nexec(I)\n"
    )


def readable(recipe: Recipe) -> str:
    """The same program for reviewers: every module in full, nothing compressed."""
    rule = "# " + "-" * 100
    parts = [f'"""pgolf recipe {recipe.name}: the program of train_gpt.py, unminified."""\n', "SOURCES = {}\n"]
    for name, source in modules(recipe).items():
        quoted = f"r'''{source}'''" if "'''" not in source and not source.endswith("'") else repr(source)
        parts.append(f"{rule}\nSOURCES[{name!r}] = {quoted}\n")
    settings = json.dumps(json.loads(shipped_recipe(recipe)), indent=1)
    parts.append(f"{rule}\nRECIPE = r'''{settings}'''\n\n{IMPORTER}")
    return "\n".join(parts)


def sizes(recipe: Recipe) -> list[tuple[str, int, int, int]]:
    """(module, lines, minified bytes, bytes in the bundle) of each module; the last is what the bundle grows by it."""
    full = modules(recipe)
    small = minify(full, IMPORTER + shipped_recipe(recipe))
    total = len(encode(small, recipe))
    rows = []
    for name, source in small.items():
        without = len(encode({other: text for other, text in small.items() if other != name}, recipe))
        rows.append((name, len(full[name].splitlines()), len(source.encode()), (total - without) * 5 // 4))
    return rows
