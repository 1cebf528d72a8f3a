"""manifest.json: which data sets there are, how many shards each has, and (where known) size and sha256 of each file.

The published file is somebody else's: unknown keys are kept and ignored, and only the entries in use are validated,
those strictly. Two things are ours, and optional: `files` in a data set or tokenizer entry, path below DATA_DIR ->
{size_bytes, sha256}; and `stats.bytes_val`, the bytes of text of the validation split.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pgolf.core.errors import DataError
from pgolf.harness.dataset.layout import SPLITS, VOCABULARY_MAX, Layout, file_sha256, locked, write_whole

MANIFEST_BYTES_MAX = 64_000_000
FILES_MAX = 1_000_000  # shard numbers have six digits


def _inside(path: str) -> str:
    """A path that stays below the folder it is joined to."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path or not path.isprintable():
        raise ValueError(f"path {path!r} leads out of the data folder")
    return path


InsidePath = Annotated[str, AfterValidator(_inside)]
Count = Annotated[int, Field(ge=0, strict=True)]
Entry = TypeVar("Entry", bound=BaseModel)


class Lenient(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class FileRecord(Lenient):
    size_bytes: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Stats(Lenient):
    files_train: Annotated[int, Field(ge=0, le=FILES_MAX, strict=True)]
    files_val: Annotated[int, Field(ge=1, le=FILES_MAX, strict=True)]
    docs_train: Count | None = None
    docs_val: Count | None = None
    tokens_train: Count | None = None
    tokens_val: Count | None = None
    bytes_val: Count | None = None


class TokenizerEntry(Lenient):
    name: str
    model_path: InsidePath | None = None
    vocab_size: Annotated[int, Field(ge=1, le=VOCABULARY_MAX, strict=True)] | None = None
    files: dict[InsidePath, FileRecord] = {}


class DatasetEntry(Lenient):
    name: str
    tokenizer_name: str
    vocab_size: Annotated[int, Field(ge=1, le=VOCABULARY_MAX, strict=True)] | None = None
    bos_id: Count | None = None
    stats: Stats
    files: dict[InsidePath, FileRecord] = {}


class Manifest(Lenient):
    """`datasets` and `tokenizers` as they stand in the file; an entry is validated when it is asked for."""

    datasets: list[dict[str, Any]] = []
    tokenizers: list[dict[str, Any]] = []

    def dataset(self, name: str) -> DatasetEntry:
        """Raises DataError when there is none of that name, or it lacks what we need."""
        return _entry(DatasetEntry, "data set", self.datasets, name)

    def tokenizer(self, name: str) -> TokenizerEntry:
        return _entry(TokenizerEntry, "tokenizer", self.tokenizers, name)

    def has_dataset(self, name: str) -> bool:
        return any(entry.get("name") == name for entry in self.datasets)


def parse_manifest(data: bytes, origin: str, remedy: str = "Ask whoever published it.") -> Manifest:
    """Raises DataError, in one line that begins with `origin`."""
    try:
        return Manifest.model_validate(json.loads(data))
    except (ValueError, RecursionError) as error:  # JSON, UTF-8 and pydantic errors are all ValueErrors
        raise DataError(f"{origin}: not a data set manifest ({_one_line(error)}). {remedy}") from None


def read_manifest(path: Path) -> Manifest | None:
    """The manifest at `path`; None when there is no file. Raises DataError when it is damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    return parse_manifest(data, str(path), "Move it away, then fetch the data again.")


def record_dataset(
    layout: Layout, dataset: dict[str, Any], tokenizer: dict[str, Any], defaults: dict[str, Any] | None = None
) -> None:
    """Put both entries into DATA_DIR/manifest.json in place of those of the same name; all others stay as they are.

    dataset, tokenizer   entries as in the file
    defaults             top-level keys that are written only where the file has none (version, shard_size, ...)
    """
    with locked(layout.data_dir / ".manifest.lock"):
        old = read_manifest(layout.manifest)
        kept = old.model_dump() if old else {}
        new = {**(defaults or {}), **kept}
        for key, entry in (("tokenizers", tokenizer), ("datasets", dataset)):
            others = [other for other in kept.get(key, []) if other.get("name") != entry["name"]]
            new[key] = [*others, entry]
        write_whole(layout.manifest, (json.dumps(new, indent=2) + "\n").encode())


def made_files(layout: Layout, train: int, val: int) -> list[Path]:
    """What a data set made here consists of: tokenizer, shards, side-cars."""
    counts = {"train": train, "val": val}
    shards = [layout.shard(split, i) for split in SPLITS for i in range(counts[split])]
    return [layout.tokenizer, *shards, *(layout.sidecar(i) for i in range(val) if layout.is_caseops)]


def record_made(
    layout: Layout, numbers: dict[str, int], bos_id: int, eos_id: int, origin: Callable[[str], dict[str, Any]]
) -> str:
    """Enter a data set that was made here, by size and sha256 of its files; with that it is finished.

    numbers   vocab_size, and docs, tokens and files of both splits: files_val, ...
    origin    what else the entry says, given the digest over all files; the digest is returned, too
    """
    paths = made_files(layout, numbers["files_train"], numbers["files_val"])
    files = {layout.key(path): {"size_bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in paths}
    lines = "".join(f"{record['sha256']}  {key}\n" for key, record in sorted(files.items()))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    totals = {
        f"{what}_total": numbers[f"{what}_train"] + numbers[f"{what}_val"] for what in ("docs", "files", "tokens")
    }
    model_key = layout.key(layout.tokenizer)
    base = f"datasets/{layout.dataset_name}"
    shared = {"vocab_size": numbers["vocab_size"], "bos_id": bos_id, "eos_id": eos_id}
    name, kind = f"sp_bpe_{layout.variant}", "sentencepiece_bpe"
    entry = {
        "name": layout.dataset_name, "tokenizer_name": name, "tokenizer_kind": kind, "path": base,
        "train_glob": f"{base}/fineweb_train_*.bin", "val_glob": f"{base}/fineweb_val_[0-9]*.bin", **shared,
        "stats": {**{key: value for key, value in numbers.items() if key != "vocab_size"}, **totals},
        "files": {key: record for key, record in files.items() if key != model_key},
        **origin(digest),
    }  # fmt: skip
    model_entry = {
        "name": name,
        "kind": kind,
        **shared,
        "model_path": model_key,
        "files": {model_key: files[model_key]},
    }
    record_dataset(layout, entry, model_entry, {"append_eos": False})
    return digest


def _entry(kind: type[Entry], what: str, entries: list[dict[str, Any]], name: str) -> Entry:
    for entry in entries:
        if entry.get("name") == name:
            try:
                return kind.model_validate(entry)
            except ValidationError as error:
                raise DataError(f"manifest: {what} {name}: {_one_line(error)}. Ask whoever published it.") from None
    names = ", ".join(sorted(str(entry.get("name")) for entry in entries)) or "none"
    raise DataError(f"manifest: no {what} {name}. There are: {names}. Choose another variant, or another --repo.")


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]
