"""From a recipe file to a resolved recipe: base recipes, then the file, then its scale, then --set; all values written out.

    base: other.yaml   the recipe starts from that file (relative to this one)
    scale: tiny        the shrink recipes/scales/tiny.yaml is laid over it, where the recipe has such fields

A shrink may end with cases: `where: [{has: {data: {bytes: {kind: sidecar}}}, set: {data: {variant: ...}}}]` sets these fields in
recipes that have those. So a value that depends on a technique stands with the others, and the technique knows no scale.

Merging goes field by field, except that a part whose `kind` changes is replaced whole: fields of another technique do not
linger.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from pgolf.core.errors import InputError
from pgolf.harness.ruled_out import ruling
from pgolf.harness.schema.base import Part
from pgolf.harness.schema.recipe import Recipe
from pgolf.harness.strict_yaml import Document, Path_, cut, dotted, read_file, read_text

RECIPES = Path(__file__).parents[2] / "recipes"
SCALES = RECIPES / "scales"
NOT_RESOLVED = "base", "scale"
PLAIN_WORDS = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid array": "a list",
    "an object": "a mapping of fields",
}


def resolve(path: Path, settings: Sequence[str] = (), scale: str | None = None) -> Recipe:
    """The recipe at `path`. InputError with one line for each thing wrong."""
    document = load(path, ())
    scales = {}
    if (named := document.data.pop("scale", None)) is not None:
        scales[str(named)] = f"{document.places[('scale',)]}: scale"
    if scale is not None:
        scales.setdefault(scale, "--scale")
    for name, where in scales.items():
        lay_over(document, read_scale(path, name, where))
    for setting in settings:
        apply_setting(document, setting)
    try:
        return Recipe.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise InputError("\n".join(explain(document, path, e) for e in error.errors())) from None


def by_name(path: Path) -> Path:
    """The file at `path`, or the recipe of that name in recipes/ when it is a bare word."""
    named = RECIPES / f"{path}.yaml"
    return named if path.name == str(path) and not path.suffix and not path.exists() and named.is_file() else path


def read_mapping(path: Path) -> Document:
    document = read_file(path)
    if not isinstance(document.data, dict):
        found = "nothing" if document.data is None else cut(json.dumps(document.data))
        raise InputError(f"{document.places[()]}: found {found}; allowed: a mapping of recipe fields.")
    return document


def load(path: Path, seen: tuple[Path, ...]) -> Document:
    """A file merged over its bases."""
    document = read_mapping(path)
    if "base" not in document.data:
        return document
    base, where = document.data.pop("base"), f"{document.places[('base',)]}: base"
    if not isinstance(base, str):
        raise InputError(f"{where}: found {cut(json.dumps(base))}; allowed: the file name of a recipe.")
    below_path = path.parent / base
    if not below_path.is_file():
        raise InputError(f"{where}: found {base!r}; there is no file {below_path}.")
    chain = (*seen, path.resolve())
    if below_path.resolve() in chain:
        names = " -> ".join(p.name for p in (*chain, below_path))
        raise InputError(f"{where}: found {base!r}; a recipe cannot be its own base ({names}).")
    below = load(below_path, chain)
    merge(below, document, (), everything=True)
    below.places[()] = document.places[()]
    return below


def read_scale(path: Path, name: str, where: str) -> Document:
    """The shrink `name` from scales/ beside the recipe, or from those of pgolf."""
    known = {p.stem: p for folder in (SCALES, path.parent / "scales") for p in sorted(folder.glob("*.yaml"))}
    if name not in known:
        raise InputError(f"{where}: found {name!r}; {allowed(name, list(known))}.")
    return read_mapping(known[name])


def lay_over(document: Document, scale: Document) -> None:
    """Set the fields of a shrink where the recipe has them, then those of each of its cases that holds for the recipe."""
    cases = scale.data.get("where", [])  # no field of a recipe, so that `merge` passes it over
    if not isinstance(cases, list) or not all(is_case(case) for case in cases):
        raise InputError(f"{scale.places[('where',)]}: where: allowed: a list of {{has: FIELDS, set: FIELDS}}.")
    merge(document, scale, (), everything=False)
    for i, case in enumerate(cases):
        if has(document.data, case["has"]):
            merge(document, scale.part(("where", i, "set")), (), everything=False)


def is_case(case: Any) -> bool:
    return isinstance(case, dict) and case.keys() == {"has", "set"} and isinstance(case["set"], dict)


def has(data: Any, fields: Any) -> bool:
    """Whether `data` holds these fields with these values, among others."""
    if isinstance(fields, dict) and isinstance(data, dict):
        return all(key in data and has(data[key], value) for key, value in fields.items())
    return data == fields


def get(data: Any, path: Path_) -> Any:
    for key in path:
        data = data[key]
    return data


def put(document: Document, path: Path_, value: Any, places: dict[Path_, str]) -> None:
    """Set the field at `path`. Its places go to the end: what comes last, decides."""
    get(document.data, path[:-1])[path[-1]] = deepcopy(value)
    for old in [p for p in document.places if p[: len(path)] == path]:
        del document.places[old]
    document.places |= {p: where for p, where in places.items() if p[: len(path)] == path}


def merge(below: Document, above: Document, path: Path_, everything: bool) -> None:
    """Put `above` over `below` at `path`; with everything False only where `below` has the field, and not null."""
    old, new = get(below.data, path), get(above.data, path)
    for key, value in new.items():
        here = (*path, key)
        under = old.get(key)
        both = isinstance(value, dict) and isinstance(under, dict)
        if both and value.get("kind", under.get("kind")) == under.get("kind"):
            merge(below, above, here, everything)
        elif everything or (under is not None and isinstance(value, dict) == isinstance(under, dict)):
            put(below, here, value, above.places)


def apply_setting(document: Document, setting: str) -> None:
    """`optim.matrix.lr=0.022`: the field must be there already."""
    field, equals, text = setting.partition("=")
    where = f"--set {setting}"
    if not equals:
        raise InputError(f"{where}: found no '='; allowed: FIELD=VALUE, for example optim.matrix.lr=0.022.")
    keys: Path_ = ()
    parent: Any = document.data
    for word in field.strip().split("."):
        names = parent if isinstance(parent, dict) else range(len(parent)) if isinstance(parent, list) else ()
        known = {str(name): name for name in names}
        if word not in known:
            remedy = ruling(word) or allowed(word, list(known))
            raise InputError(f"{where}: {dotted((*keys, word))}: no such field; {remedy}.")
        keys = (*keys, known[word])
        parent = parent[known[word]]
    value = read_text(text, lambda line: where, keys)
    put(document, keys, value.data, value.places)


def allowed(found: str, names: list[str]) -> str:
    close = difflib.get_close_matches(found, names, 1)
    return (f"did you mean {close[0]}? " if close else "") + f"allowed: {', '.join(names) or 'nothing'}"


def explain(document: Document, path: Path, error: Any) -> str:
    """One line: place, field, what was found, what is allowed."""
    keys, kind, message = keys_of(error, document.data), error["type"], str(error["msg"])
    if kind == "value_error":
        where = decider(document, keys, message) or place(document, path, keys)
        return f"{where}: {f'{dotted(keys)}: ' if keys else ''}{message.removeprefix('Value error, ')}."
    if kind.startswith("union_tag"):
        options = [name for part in choices(keys, document.data) for name in kinds_of(part)]
        keys = (*keys, "kind")
        found = error["input"].get("kind", "")
        remedy = ruling(str(found)) or allowed(str(found), options)
        error = error | {"input": found}
    elif kind == "extra_forbidden":
        part = chosen(choices(keys[:-1], document.data), get(document.data, keys[:-1]))
        names = [*part.model_fields, *(NOT_RESOLVED if part is Recipe else ())]
        remedy = ruling(str(keys[-1])) or allowed(str(keys[-1]), names)
        return f"{place(document, path, keys)}: {dotted(keys)}: no such field; {remedy}."
    elif kind == "string_pattern_mismatch":
        remedy = f"allowed: text of the form {error['ctx']['pattern']}"
    else:
        message = re.sub(r"^\w+ should (be |have )?|,? after validation.*", "", message)
        remedy = f"allowed: {PLAIN_WORDS.get(message, message)}"
    where = f"{place(document, path, keys)}: {dotted(keys)}"
    if kind in ("missing", "union_tag_not_found"):
        return f"{where}: missing; {remedy if kind != 'missing' else 'add it'}."
    return f"{where}: found {cut(json.dumps(error['input']))}; {remedy}."


def keys_of(error: Any, data: Any) -> Path_:
    """The field that an error is about. Pydantic puts kinds of parts into its path; they are no keys of the file."""
    keys: Path_ = ()
    kind = None
    for key in error["loc"]:
        if key == kind:
            kind = None  # what follows may be a field of that name
            continue
        keys = (*keys, key)
        known = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        data = data[key] if key in known else None
        kind = data.get("kind") if isinstance(data, dict) else None
    return keys


def place(document: Document, path: Path, keys: Path_) -> str:
    """Where the field is written, or else the part that should hold it."""
    above = (keys[:n] for n in range(len(keys), -1, -1))
    return next((document.places[p] for p in above if p in document.places), str(path))


def decider(document: Document, keys: Path_, message: str) -> str | None:
    """Of the fields that a message names, the place of the one that was written last: it is the one to look at."""
    named = [(*keys, *name.split(".")) for name in re.findall(r"[a-z_]+(?:\.[a-z_]+)*", message)]
    last = [where for path, where in document.places.items() if path in named]
    return last[-1] if last else None


def choices(keys: Path_, data: Any) -> list[type[Part]]:
    """The classes of part that may stand at `keys` of the recipe `data`; for an entry of a list, those of the list."""
    parts: list[type[Part]] = [Recipe]
    for key in keys:
        if isinstance(key, str):
            parts = parts_in(chosen(parts, data).model_fields[key].annotation)
        data = data[key]
    return parts


def parts_in(annotation: Any) -> list[type[Part]]:
    if inner := get_args(annotation):
        return [part for one in inner for part in parts_in(one)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Part) else []


def kinds_of(part: type[Part]) -> tuple[str, ...]:
    return get_args(part.model_fields["kind"].annotation) if "kind" in part.model_fields else ()


def chosen(parts: list[type[Part]], data: Any) -> type[Part]:
    """The class that the kind in `data` names."""
    return next((part for part in parts if data.get("kind") in kinds_of(part)), parts[0])


def as_json(recipe: Recipe) -> str:
    """Every value written out, one recipe one text."""
    text = json.dumps(recipe.model_dump(mode="json"), indent=2) + "\n"
    return re.sub(r"(?<=[\s\[])(-?\d)e(?=[-+])", r"\1.0e", text)  # 1e-08 would be text to YAML


def digest(recipe: Recipe) -> str:
    """sha256 of the resolved recipe without its seeds: what is run, whichever seeds it is run for."""
    return hashlib.sha256(json.dumps(recipe.model_dump(mode="json", exclude={"seeds"})).encode()).hexdigest()


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


def meaning(recipe: Recipe, field: str) -> str:
    """What the schema says of a dotted field, in one sentence; of a kind, what the technique is."""
    part: Any = recipe
    text = ""
    for key in field.split("."):
        if isinstance(part, tuple):
            part = part[int(key)] if key.isdigit() and int(key) < len(part) else None
            continue
        info = type(part).model_fields.get(key) if isinstance(part, Part) else None
        if info is None:
            return ""
        text = (type(part).__doc__ if key == "kind" else info.description) or ""
        part = getattr(part, key)
    return " ".join(text.split("\n\n")[0].split())


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
