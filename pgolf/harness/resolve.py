"""From a recipe file to a resolved recipe: base recipes, then the file, then its scale, then --set; all values written out.

    base: other.yaml   the recipe starts from that file (relative to this one)
    scale: tiny        the shrink recipes/scales/tiny.yaml is laid over it, where the recipe has such fields

Merging goes field by field, except that a part whose `kind` changes is replaced whole: fields of another technique do not
linger.
"""

import difflib
import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pgolf.core.errors import InputError
from pgolf.harness.schema.base import Part
from pgolf.harness.schema.recipe import Recipe
from pgolf.harness.strict_yaml import Document, Path_, dotted, read_file, read_text


def resolve(path: Path, settings: Sequence[str] = (), scale: str | None = None) -> Recipe:
    """The recipe at `path`. InputError with one line for each thing wrong."""
    document = load(path, ())
    named = document.data.pop("scale", None)
    for name in dict.fromkeys(s for s in (named, scale) if s is not None):
        lay_over(document, read_scale(path, name, document))
    for setting in settings:
        apply_setting(document, setting)
    try:
        return Recipe.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise InputError("\n".join(explain(document, path, e) for e in error.errors())) from None


def load(path: Path, seen: tuple[Path, ...]) -> Document:
    """A file merged over its bases."""
    if path.resolve() in seen:
        raise InputError(f"{path}: is its own base ({' -> '.join(p.name for p in (*seen, path))}).")
    document = read_file(path)
    if not isinstance(document.data, dict):
        raise InputError(f"{path}: found {type(document.data).__name__}; allowed: a mapping of recipe fields.")
    base = document.data.pop("base", None)
    if base is None:
        return document
    if not isinstance(base, str):
        raise InputError(f"{document.places[('base',)]}: base: found {base!r}; allowed: the file name of a recipe.")
    if not (path.parent / base).is_file():
        raise InputError(f"{document.places[('base',)]}: base: found {base!r}; there is no file {path.parent / base}.")
    below = load(path.parent / base, (*seen, path.resolve()))
    merge(below, document, (), everything=True)
    return below


def read_scale(path: Path, name: Any, document: Document) -> Document:
    for folder in (path.parent / "scales", Path(__file__).parents[2] / "recipes" / "scales"):
        if (folder / f"{name}.yaml").is_file():
            return read_file(folder / f"{name}.yaml")
    known = sorted(p.stem for p in (path.parent / "scales").glob("*.yaml"))
    place = document.places.get(("scale",), str(path))
    raise InputError(f"{place}: scale: found {name!r}; allowed: {', '.join(known) or 'none here'}.")


def lay_over(document: Document, shrink: Document) -> None:
    merge(document, shrink, (), everything=False)


def get(data: Any, path: Path_) -> Any:
    for key in path:
        data = data[key]
    return data


def merge(below: Document, above: Document, path: Path_, everything: bool) -> None:
    """Put `above` over `below` at `path`; with everything False only where `below` has the field."""
    old, new = get(below.data, path), get(above.data, path)
    for key, value in new.items():
        here = (*path, key)
        if key not in old and not everything:
            continue
        both = isinstance(value, dict) and isinstance(old.get(key), dict)
        if both and value.get("kind", old[key].get("kind")) == old[key].get("kind"):
            merge(below, above, here, everything)
            continue
        old[key] = deepcopy(value)
        for place in [p for p in below.places if p[: len(here)] == here]:
            del below.places[place]
        below.places |= {p: where for p, where in above.places.items() if p[: len(here)] == here}


def apply_setting(document: Document, setting: str) -> None:
    """`optim.matrix.lr=0.022`: the field must be there already."""
    name, equals, text = setting.partition("=")
    if not equals:
        raise InputError(f"--set {setting}: found no '='; allowed: FIELD=VALUE, for example optim.matrix.lr=0.022.")
    value = read_text(text, f"--set {setting}")
    keys: list[str | int] = [int(k) if k.isdigit() else k for k in name.strip().split(".")]
    parent: Any = document.data
    for i, key in enumerate(keys):
        known = (
            list(parent) if isinstance(parent, dict) else list(range(len(parent))) if isinstance(parent, list) else []
        )
        if key not in known:
            raise InputError(
                f"--set {setting}: {dotted(tuple(keys[: i + 1]))}: no such field; {allowed(str(key), known)}."
            )
        if i == len(keys) - 1:
            parent[key] = value.data
        parent = parent[key]
    document.places |= {(*keys, *path): f"--set {setting}" for path in value.places}


def allowed(found: str, known: list) -> str:
    names = [str(k) for k in known]
    close = difflib.get_close_matches(found, names, 1)
    return (f"did you mean {close[0]}? " if close else "") + f"allowed: {', '.join(names) or 'nothing'}"


def explain(document: Document, path: Path, error: Any) -> str:
    """One line: place, field, what was found, what is allowed."""
    keys: list[str | int] = []
    data: Any = document.data
    for key in error["loc"]:  # pydantic puts the kind of a part into the path; it is not a key of the file
        if (isinstance(data, dict) and key in data) or (isinstance(data, list) and isinstance(key, int)):
            keys.append(key)
            data = data[key]
        elif error["type"] == "missing" and key == error["loc"][-1]:
            keys.append(key)
    where = next(
        (document.places[p] for n in range(len(keys), -1, -1) if (p := tuple(keys[:n])) in document.places), str(path)
    )
    field = dotted(tuple(keys))
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{where}: {field}: missing; add it."
    if error["type"] == "extra_forbidden":
        owner = get(document.data, tuple(keys[:-1]))
        return f"{where}: {field}: no such field; {allowed(str(keys[-1]), fields_at(keys[:-1], owner))}."
    if error["type"] == "value_error":
        return f"{where}: {field}: {message}."
    return f"{where}: {field}: found {json.dumps(error['input'])}; allowed: {message.removeprefix('Input should be ')}."


def fields_at(keys: list[str | int], data: dict) -> list[str]:
    """Names of the fields of the part at `keys`; `data` tells its kind."""
    for part in all_parts(Recipe):
        if part_path_matches(part, keys, data):
            return list(part.model_fields)
    return []


def all_parts(root: type[Part]) -> list[type[Part]]:
    """Every class of part a recipe can hold."""
    found: list[type[Part]] = [root]
    todo = [Part]
    while todo:
        for sub in todo.pop().__subclasses__():
            todo.append(sub)
            found.append(sub)
    return found


def part_path_matches(part: type[Part], keys: list[str | int], data: dict) -> bool:
    if not keys:
        return part is Recipe
    kind = part.model_fields.get("kind")
    if "kind" in data:
        return kind is not None and data["kind"] in getattr(kind.annotation, "__args__", ())
    return kind is None and part.__name__.lower() == str(keys[-1]).replace("_", "").lower()


def as_json(recipe: Recipe) -> str:
    """Every value written out, one recipe one text."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2) + "\n"


def digest(recipe: Recipe) -> str:
    """sha256 of the resolved recipe."""
    return hashlib.sha256(as_json(recipe).encode()).hexdigest()


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """{dotted field: value} of everything in a recipe."""
    if isinstance(value, dict):
        pairs = [(f"{path}.{k}" if path else str(k), v) for k, v in value.items()]
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        pairs = [(f"{path}.{i}", v) for i, v in enumerate(value)]
    else:
        return {path: value}
    return {name: leaf for key, v in pairs for name, leaf in flatten(v, key).items()}


def differences(a: Recipe, b: Recipe) -> list[tuple[str, str, str]]:
    """(field, value in a, value in b) where they differ; "-" where a side has no such field."""
    left, right = flatten(a.model_dump(mode="json")), flatten(b.model_dump(mode="json"))
    rows = []
    for name in dict.fromkeys([*left, *right]):
        one, two = (json.dumps(side[name]) if name in side else "-" for side in (left, right))
        if one != two:
            rows.append((name, one, two))
    return rows


def file_schema() -> dict[str, Any]:
    """JSON Schema of a recipe file, for editors: a recipe whose fields may come from its base instead."""
    schema = Recipe.model_json_schema()

    def loosen(node: Any) -> None:
        if isinstance(node, dict):
            node.pop("required", None)
            node.pop("discriminator", None)
            if "oneOf" in node:
                node["anyOf"] = node.pop("oneOf")
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            loosen(child)

    loosen(schema)
    schema["properties"] |= {
        "base": {"type": "string", "description": "A recipe file that this one starts from."},
        "scale": {"type": "string", "description": "A shrink in scales/, laid over the recipe."},
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
