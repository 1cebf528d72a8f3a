"""Per-seed values of a submission.json, whatever form they have: objects, lists, parallel lists, names with a seed in them."""

import re
from dataclasses import dataclass, field
from typing import Any

from verify.submission.json_text import JsonText, KeyPath

SEED_KEY = re.compile(r"(?:seed[ _-]?)?(\d{1,10})")
LABELLED_KEY = re.compile(r"(?:seed[ _-]?)?(\d{1,10})[ _-](\D.{0,60}|\d+\D.{0,60})")
TRAILING_SEED = re.compile(r"(.+?)_(?:seed|s)_?(\d{1,10})")
PER_SEED_WORD = re.compile(r"^(?:per_seed|seed)_|_(?:per_seed|by_seed|seeds|seed|runs)$|_per_seed_")
ORDINAL_KEY = re.compile(r"(?:seed|run)[ _-]?(\d)", re.IGNORECASE)
PLURALS = {"scores": "val_bpb", "losses": "val_loss"}
SCORE = ("val_bpb", "val_bpb")  # field and name of the scores in a container of bare numbers
SEEDS_MAX = 1_000
SUPERSEDED = re.compile(
    r"supersed|retract|pre_fix|original|old|previous|additional|extra|baseline|supplement|ablation|warm_cache",
    re.IGNORECASE,
)


@dataclass(slots=True)
class SeedEntry:
    """The fields said of one seed, under the names of the file or, for lists of numbers, under normal ones."""

    seed: int | None
    value: dict[str, Any] = field(default_factory=dict)
    path: KeyPath = ()
    line: int | None = None
    label: str = ""  # what the key adds to the seed: "conservative", "5pct"


def seed_of(key: Any) -> tuple[int, str] | None:
    """Seed and label of a key: 42, "42", "seed_42", "42_reproduction"."""
    if isinstance(key, bool):
        return None
    if isinstance(key, int):
        return (key, "") if 0 <= key < 10**10 else None
    if not isinstance(key, str):
        return None
    text = key.strip().lower()
    if match := SEED_KEY.fullmatch(text):
        return int(match[1]), ""
    if match := LABELLED_KEY.fullmatch(text):
        return int(match[1]), match[2]
    return None


def field_of(name: str, names: dict[str, list[str]]) -> tuple[str, str] | None:
    """The field a key speaks of once its per-seed word is gone, and the name it has there ("train_time_ms_by_seed": train_seconds,
    train_time_ms): the name may hold a unit."""
    bare = PER_SEED_WORD.sub(lambda match: "_" if match[0] == "_per_seed_" else "", name)
    for candidate in (bare, bare.removesuffix("s"), PLURALS.get(bare)):
        for known, aliases in names.items():
            if candidate and (candidate == known or candidate in aliases):
                return known, candidate if candidate in aliases else aliases[0]
    return None


def listed_seeds(value: Any) -> tuple[int, ...]:
    """Seeds of a `seeds` entry that is a list of whole numbers, in digits or quotes."""
    if not isinstance(value, list):
        return ()
    found = [seed_of(item) for item in value[:SEEDS_MAX] if not isinstance(item, float | dict)]
    return tuple(item[0] for item in found if item) if all(found) else ()


class Entries:
    def __init__(self, read: JsonText, names: dict[str, list[str]]):
        self.read, self.names = read, names
        self.by_key: dict[tuple[int | None, str, int], SeedEntry] = {}
        self.order: list[SeedEntry] = []

    def entry(self, seed: int | None, label: str, path: KeyPath, ordinal: int = 0) -> SeedEntry:
        """The entry of a seed, new or known."""
        key = (seed, label, ordinal if seed is None else 0)
        if key not in self.by_key:
            self.by_key[key] = SeedEntry(seed, {}, path, self.read.lines.get(path), label)
            self.order.append(self.by_key[key])
        return self.by_key[key]

    def put(self, entry: SeedEntry, field_: tuple[str, str], value: Any, path: KeyPath) -> None:
        """Add a value under a known name, its digits with it; what is there already stays."""
        known, name = field_
        if isinstance(value, list | dict) or value is None or any(other in entry.value for other in self.names[known]):
            return
        entry.value[name] = value
        if path in self.read.written:
            self.read.written[(*entry.path, name)] = self.read.written[path]

    def merge(self, entry: SeedEntry, value: dict, path: KeyPath) -> None:
        if not entry.value:
            entry.value, entry.path, entry.line = dict(value), path, self.read.lines.get(path)
            return
        for key, item in value.items():
            if key not in entry.value:
                entry.value[key] = item
                if (*path, key) in self.read.written:
                    self.read.written[(*entry.path, key)] = self.read.written[(*path, key)]

    def mapping(self, value: dict, path: KeyPath, field_: tuple[str, str]) -> bool:
        """{"42": 1.08} or {"42": {...}}; whether it was one."""
        items = [(seed_of(key), key, item) for key, item in list(value.items())[:SEEDS_MAX]]
        seeds = [(found, key, item) for found, key, item in items if found]
        if not seeds or not any(isinstance(item, dict | int | float | str) for _, _, item in seeds):
            return False
        ordinals = [ORDINAL_KEY.fullmatch(key) for _, key, _ in seeds]
        is_ordinal = all(ordinals) and [int(match[1]) for match in ordinals if match] == list(range(1, len(seeds) + 1))
        for at, (found, key, item) in enumerate(seeds):
            seed, label = found
            entry = self.entry(None if is_ordinal else seed, label, (*path, key), at)
            if isinstance(item, dict):
                self.merge(entry, item, (*path, key))
            else:
                self.put(entry, field_, item, (*path, key))
        return True

    def listing(self, value: list, path: KeyPath, field_: tuple[str, str], seeds: tuple[int, ...]) -> bool:
        """[{"seed": 42, ...}], or numbers in the order of the seeds; whether it was one."""
        value = value[:SEEDS_MAX]
        if all(isinstance(item, dict) for item in value) and any("seed" in item for item in value):
            counts: dict[int | None, int] = {}
            for at, item in enumerate(value):
                found = seed_of(item.get("seed"))
                seed = found[0] if found else None
                counts[seed] = counts.get(seed, 0) + 1
                label = "" if counts[seed] == 1 or seed is None else f"run {counts[seed]}"
                self.merge(self.entry(seed, label, (*path, at), at), item, (*path, at))
            return True
        if value and all(isinstance(item, int | float | str) and not isinstance(item, bool) for item in value):
            known = seeds if len(seeds) == len(value) else (None,) * len(value)
            for at, (seed, item) in enumerate(zip(known, value, strict=True)):
                self.put(self.entry(seed, "", (*path, at), at), field_, item, (*path, at))
            return True
        return False


def seed_entries(
    read: JsonText, top: dict[str, str], names: dict[str, list[str]], containers: list[str]
) -> tuple[tuple[int, ...], list[SeedEntry]]:
    """Seeds the file names, in its order, and one entry for each seed (or run) it says anything of."""
    value: dict[Any, Any] = read.value
    out = Entries(read, names)
    seeds = listed_seeds(value.get(top.get("seeds")))
    if not seeds and "seed" in top:
        found = seed_of(value[top["seed"]])
        seeds = (found[0],) if found and not found[1] else ()
    for name in containers:
        item = value.get(top.get(name))
        path = (top.get(name, ""),)
        if isinstance(item, dict):
            out.mapping(item, path, SCORE)
        elif isinstance(item, list) and not (name == "seeds" and seeds):
            out.listing(item, path, SCORE, seeds)
    for name, key in top.items():
        item = value[key]
        if name in containers or SUPERSEDED.search(name):
            continue
        if isinstance(item, dict) and name.startswith("seed") and (found := seed_of(name)):
            out.merge(out.entry(found[0], found[1], (key,)), item, (key,))
        elif isinstance(item, dict | list) and (known := field_of(name, names)):
            if isinstance(item, dict):
                out.mapping(item, (key,), known)
            else:
                out.listing(item, (key,), known, seeds)
        elif (match := TRAILING_SEED.fullmatch(name)) and (known := field_of(match[1], names)):
            out.put(out.entry(int(match[2]), "", (key,)), known, item, (key,))
    if not seeds:
        seeds = tuple(dict.fromkeys(entry.seed for entry in out.order if entry.seed is not None))
    return seeds, [entry for entry in out.order if entry.value]
