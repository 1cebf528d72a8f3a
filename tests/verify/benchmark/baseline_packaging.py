"""The peers' packaging check as a baseline, written by us from the description of pull request 683: place of the folder,
required files, a log, fields of submission.json, syntax of the script, bytes of the whole folder."""

import ast
import json
from fnmatch import fnmatch

from tests.verify.benchmark.baseline_ast import CAP_BYTES, Hit
from verify.tree import Tree

TRACKS = ("records/track_10min_16mb/", "records/track_non_record_16mb/")
FIELDS: dict[str, tuple[tuple[str, ...], type | tuple[type, ...]]] = {
    "val_bpb": (("val_bpb", "mean_val_bpb"), (int, float)),
    "name": (("name", "run_name"), str),
    "date": (("date",), str),
}
ADVISED = ("author", "github_id", "blurb")
BYTES_MAX = 4_000_000
PACKAGING = ("place", "files", "log", "json", "syntax")
RULES: dict[str, tuple[str, ...]] = {
    **{name: ("package-files",) for name in PACKAGING},
    "folder size": ("artifact-bytes",),
}


def check(tree: Tree) -> list[Hit]:
    top = {info.path: info for info in tree.files() if "/" not in info.path}
    scripts = sorted(path for path in top if fnmatch(path, "train_gpt*.py"))
    hits = []
    if not tree.location.startswith(TRACKS):
        hits.append(Hit("place", "FAIL", None, tree.location))
    missing = [path for path in ("README.md", "submission.json") if path not in top] + (
        [] if scripts else ["train_gpt*.py"]
    )
    if missing:
        hits.append(Hit("files", "FAIL", None, f"missing {', '.join(missing)}"))
    if not any(path.endswith((".log", ".tsv", ".txt")) for path in top):
        hits.append(Hit("log", "FAIL", None, "no log"))
    if "submission.json" in top and top["submission.json"].kind == "file":
        hits += fields(tree.read("submission.json", BYTES_MAX))
    if scripts:
        hits += syntax(tree.read("train_gpt.py" if "train_gpt.py" in scripts else scripts[0], BYTES_MAX))
    if sum(info.bytes or 0 for info in tree.files()) > CAP_BYTES:
        hits.append(Hit("folder size", "FAIL", None, "the whole folder is over the cap"))
    return hits


def fields(data: bytes) -> list[Hit]:
    try:
        found = json.loads(data)
    except ValueError:
        return [Hit("json", "FAIL", None, "is not JSON")]
    if not isinstance(found, dict):
        return [Hit("json", "FAIL", None, "is no object")]
    hits = []
    for name, (aliases, kind) in FIELDS.items():
        value = next((found[alias] for alias in aliases if alias in found), None)
        if not isinstance(value, kind):
            hits.append(Hit("json", "FAIL", None, f"{name} is missing or of another type"))
    return hits + [Hit("json", "WARN", None, f"{name} is missing") for name in ADVISED if name not in found]


def syntax(data: bytes) -> list[Hit]:
    try:
        ast.parse(data)
    except (SyntaxError, ValueError) as error:
        return [Hit("syntax", "FAIL", getattr(error, "lineno", None), "does not parse")]
    return []
