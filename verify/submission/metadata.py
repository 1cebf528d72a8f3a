"""submission.json in all its shapes: values under any of the names in keys.yaml, as written, each with its line."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.submission.json_text import JsonText, KeyPath, read_json
from verify.submission.model import Metadata, Problem, SeedClaim
from verify.submission.seed_entries import SeedEntry, seed_entries
from verify.submission.values import (
    BYTES,
    COUNTS,
    EXPONENT_MAX,
    SECONDS,
    Number,
    decimals,
    number_in,
    rounding_bytes,
    scaled,
)

TEXT_CHARACTERS_MAX = 2_000  # of a name, a hardware line ...
NAME_CHARACTERS_MAX = 300
KEY_UNITS = (("_ms", 0.001), ("_mb", 1e6), ("_minutes", 60.0), ("_hours", 3600.0))
UNITS = {
    "artifact_bytes": BYTES,
    "code_bytes": BYTES,
    "model_bytes": BYTES,
    "train_seconds": SECONDS,
    "eval_seconds": SECONDS,
    "steps": COUNTS,
}
WHOLE = frozenset({"artifact_bytes", "artifact_bytes_max", "code_bytes", "model_bytes", "steps"})
TEXTS = ("author", "github_id", "name", "date", "track", "hardware", "torch_version", "status")
NUMBERS = (
    "val_bpb", "val_loss", "val_bpb_std", "val_loss_std", "artifact_bytes", "artifact_bytes_max", "artifact_bytes_mean",
    "code_bytes", "model_bytes", "steps", "train_seconds", "eval_seconds", "pre_quant_val_bpb", "pre_quant_val_loss",
)  # fmt: skip
PER_WHAT = re.compile(r"(?:_(?:mean|max|total))+$")
NON_RECORD = re.compile(r"non[-_ ]?record", re.IGNORECASE)
RECORD = re.compile(r"\brecord\b", re.IGNORECASE)


@cache
def keys() -> dict[str, Any]:
    """The names in keys.yaml."""
    text = (files("verify.submission") / "keys.yaml").read_text()
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def normal(key: str) -> str:
    return key[:NAME_CHARACTERS_MAX].strip().lower().replace("-", "_").replace(" ", "_")


def key_scale(key: str) -> float:
    """What the unit at a key's end makes of a bare number: train_time_ms -> 0.001."""
    bare = PER_WHAT.sub("", key)
    return next((scale for end, scale in KEY_UNITS if bare.endswith(end)), 1.0)


def as_number(value: Any, written: str | None) -> Number | None:
    """A JSON value as a number, also where it stands in quotes; None for placeholders ("TBD"), lists, switches."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float) and abs(value) > 10**EXPONENT_MAX:
        return None
    if isinstance(value, int | float):
        return Number(float(value), decimals(written or repr(value)))
    return number_in(value) if isinstance(value, str) else None


def as_text(value: Any) -> str | None:
    """A name, a list of names, or an object with a name as one text."""
    if isinstance(value, str):
        return value[:TEXT_CHARACTERS_MAX]
    if isinstance(value, list):
        return ", ".join(str(item) for item in value[:20] if isinstance(item, str | int))[:TEXT_CHARACTERS_MAX] or None
    if isinstance(value, dict):
        parts = [
            item
            for key, item in value.items()
            if isinstance(item, str) and normal(key) not in {"github", "github_id", "url", "email"}
        ]
        return ", ".join(parts[:10])[:TEXT_CHARACTERS_MAX] or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class Source:
    """An object of the file with its keys by normal name, and where it stands in it."""

    def __init__(self, value: dict, path: KeyPath, read: JsonText):
        self.read, self.path, self.value = read, path, value
        self.keys: dict[str, str] = {}
        for key in value:
            self.keys.setdefault(normal(key), key)

    def number(self, field: str, names: list[str]) -> tuple[Number, str, int] | None:
        """The first usable number under one of the names, in the base unit, the key it stands under, and by how many bytes a size
        is rounded."""
        for name in names:
            key = self.keys.get(name)
            if key is None:
                continue
            number = as_number(self.value[key], self.read.written.get((*self.path, key)))
            if number is not None:
                units = UNITS.get(field.removesuffix("_max").removesuffix("_mean"), {})
                rounding = rounding_bytes(number, key_scale(name)) if units is BYTES else 0
                return Number(scaled(number, units, key_scale(name)), number.digits, number.unit), key, rounding
        return None

    def line(self, key: str) -> int | None:
        return self.read.lines.get((*self.path, key))


def whole(field: str, value: float) -> float | int:
    """Bytes and steps as whole numbers where they are; a mean of steps stays what it is."""
    return round(value) if field in WHOLE and (value == int(value) or field != "steps") else value


def fill_numbers(out: Metadata, source: Source) -> None:
    for field in NUMBERS:
        found = source.number(field, keys()["top"][field]) if getattr(out, field) is None else None
        if found is None:
            continue
        number, key, rounding = found
        setattr(out, field, whole(field, number.value))
        note(out, field, key, source)
        if field == "val_bpb":
            out.val_bpb_digits = number.digits
        if field == "artifact_bytes":
            out.artifact_rounding_bytes = rounding


def fill_texts(out: Metadata, source: Source) -> None:
    for field in TEXTS:
        for name in keys()["top"][field]:
            key = source.keys.get(name)
            text = as_text(source.value[key]) if key is not None else None
            if text or (text == "" and getattr(out, field) is None):
                setattr(out, field, text)
                note(out, field, key or "", source)
            if text:
                break
    author = source.value.get(source.keys.get("author"))
    if out.github_id is None and isinstance(author, dict):
        out.github_id = as_text(author.get("github_id", author.get("github")))


def note(out: Metadata, field: str, key: str, source: Source) -> None:
    out.keys[field] = ".".join(str(part) for part in (*source.path, key))
    line = source.line(key)
    if line is not None:
        out.lines[field] = line


def record_status(out: Metadata, source: Source) -> str | None:
    """ "record" or "non-record" as far as the file says it; else the status as written."""
    for name, means in (
        ("non_record", "non-record"),
        ("is_record", "record"),
        ("record_claim", "record"),
        ("record", "record"),
    ):
        value = source.value.get(source.keys.get(name))
        if isinstance(value, bool):
            return means if value else ("record" if means == "non-record" else "non-record")
    for text in (out.status, out.track):
        if text and NON_RECORD.search(text):
            return "non-record"
        if text and RECORD.search(text):
            return "record"
    return out.status


def seed_claim(entry: SeedEntry, read: JsonText, file: str, source_lines: list[str]) -> SeedClaim:
    """One seed's entry with normalised names."""
    claim = SeedClaim(seed=entry.seed)
    claim.label = entry.label
    for field, names in keys()["seed"].items():
        if field == "seed":
            continue
        source = Source(entry.value, entry.path, read)
        found = source.number(field, names)
        if found is None:
            continue
        setattr(claim, field, whole(field, found[0].value))
        if field == "val_bpb":
            claim.digits = found[0].digits
        if field == "artifact_bytes":
            claim.artifact_rounding_bytes = found[2]
    line = read.lines.get(entry.path) or entry.line
    quote = source_lines[line - 1].strip()[:QUOTE_CHARACTERS_MAX] if line and line <= len(source_lines) else ""
    claim.place = Place(file=file, line=line, quote=quote)
    return claim


def read_metadata(file: str, text: str) -> tuple[Metadata, list[Problem]]:
    """What a submission.json says. Never raises: what is not JSON, not an object or not a number becomes a problem."""
    read = read_json(text)
    problems = [Problem(file, sentence, line) for sentence, line in read.problems]
    out = Metadata(file=file, raw=read.value)
    if not problems:
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            problems.append(
                Problem(file, f"is not valid JSON: {getattr(error, 'msg', 'too deep')}", getattr(error, "lineno", None))
            )
    if not isinstance(read.value, dict):
        problems.append(Problem(file, "holds no JSON object"))
        return out, problems
    source = Source(read.value, (), read)
    fill_texts(out, source)
    fill_numbers(out, source)
    for name in keys()["sections"]:
        section = read.value.get(source.keys.get(name))
        if isinstance(section, dict):
            fill_numbers(out, Source(section, (source.keys[name],), read))
    lines = text.split("\n")
    seeds, entries = seed_entries(read, {normal(key): key for key in read.value}, keys()["seed"], keys()["containers"])
    out.seed_results = tuple(seed_claim(entry, read, file, lines) for entry in entries)
    out.seeds = seeds
    for field, value in (("val_bpb", read.value.get(source.keys.get("val_bpb"))),):
        if isinstance(value, dict) and out.val_bpb is None:
            inner = Source(value, (source.keys[field],), read)
            found = inner.number(field, ["mean", "average", "val_bpb"])
            if found:
                out.val_bpb, out.val_bpb_digits = found[0].value, found[0].digits
                note(out, field, found[1], inner)
    out.status = record_status(out, source)
    return out, problems
