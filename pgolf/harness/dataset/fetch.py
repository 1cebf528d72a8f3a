"""Fetch a published data set: what the manifest lists, each file whole and proven, or not under its name at all.

A file is proven by its size, by its shard header, and by the sha256 of the manifest and of the hub, whichever exist.
All files of one call come from one commit. A finished file is not fetched again; a broken download continues.
Sources known to hold the challenge's export: willdepueoai/parameter-golf (default) and kevclark/parameter-golf (the
sp4096 and sp8192 exports of PR 1218 and PR 1394), romeerp/parameter-golf-caseops-v1 (CaseOps, PR 1729).
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from pgolf.core.errors import DataError, InputError
from pgolf.data.shards import open_shard
from pgolf.harness.dataset import hub
from pgolf.harness.dataset.layout import Layout, file_sha256, locked, move_whole, shard_file_name
from pgolf.harness.dataset.manifest import (
    MANIFEST_BYTES_MAX,
    DatasetEntry,
    FileRecord,
    Manifest,
    TokenizerEntry,
    parse_manifest,
    read_manifest,
    record_dataset,
)
from pgolf.harness.dataset.progress import Progress

REPO = "willdepueoai/parameter-golf"
PREFIX = "datasets"
FILES_AT_ONCE = 4


@dataclass(frozen=True)
class Published:
    """One commit of a data set repository, and the entries of the variant in its manifest."""

    repo: str
    prefix: str
    commit: str
    manifest: Manifest
    dataset: DatasetEntry
    tokenizer: TokenizerEntry


@dataclass(frozen=True)
class Wanted:
    """One file: where it is published, where it goes, and the records of it, theirs and ours."""

    remote_path: str
    path: Path
    published: FileRecord | None
    here: FileRecord | None
    is_shard: bool


@dataclass(frozen=True)
class FetchSummary:
    variant: str
    commit: str
    kept_files: int
    fetched_files: int
    fetched_bytes: int


def fetch(layout: Layout, train_shards: int, repo: str = REPO, prefix: str = PREFIX) -> FetchSummary:
    """Bring the first `train_shards` training shards, all of validation (with side-cars) and the tokenizer here.

    Raises InputError when there are not that many shards; DataError when a file cannot be had or is wrong.
    """
    with locked(layout.lock), Progress("fetched") as progress:
        published = _published(layout, repo, prefix, progress)
        wanted = _plan(layout, train_shards, published)
        done: dict[Path, FileRecord] = {}
        fetched_bytes: list[int] = []

        def obtain(file: Wanted, stop: threading.Event) -> None:
            done[file.path], was_fetched = _obtain(file, published, progress, stop)
            fetched_bytes.extend([done[file.path].size_bytes] if was_fetched else [])

        try:
            _at_once(obtain, wanted)
        finally:
            if done:
                _record(layout, published, done)
    kept_files = len(wanted) - len(fetched_bytes)
    return FetchSummary(layout.variant, published.commit, kept_files, len(fetched_bytes), sum(fetched_bytes))


def _published(layout: Layout, repo: str, prefix: str, progress: Progress) -> Published:
    if prefix.startswith("/") or ".." in prefix.split("/"):
        raise InputError(f"--prefix {prefix!r}: a folder inside the data set repository, for example {PREFIX}.")
    path = _join(prefix, "manifest.json")
    remote = hub.describe(repo, path)
    if remote.size_bytes > MANIFEST_BYTES_MAX:
        raise DataError(f"{repo}: {path} has {remote.size_bytes:,} bytes, at most {MANIFEST_BYTES_MAX:,}: no manifest.")
    partial = remote.partial(layout.manifest)
    with progress.file(path, remote.size_bytes) as received:
        hub.download(remote, partial, received, threading.Event())
    data = partial.read_bytes()
    partial.unlink()
    manifest = parse_manifest(data, f"{repo}: {path}")
    dataset = manifest.dataset(layout.dataset_name)
    return Published(repo, prefix, remote.commit, manifest, dataset, manifest.tokenizer(dataset.tokenizer_name))


def _plan(layout: Layout, train_shards: int, published: Published) -> list[Wanted]:
    """Validation before training: without it nothing can be scored."""
    dataset, tokenizer = published.dataset, published.tokenizer
    there = dataset.stats.files_train
    if not 0 <= train_shards <= there:
        raise InputError(
            f"--train-shards {train_shards}: {published.repo} has {there} training shards of {layout.variant}. "
            f"Ask for 0 to {there}."
        )
    model_path = tokenizer.model_path
    if model_path is None:
        raise DataError(f"{published.repo}: tokenizer {tokenizer.name} has no SentencePiece model: choose an sp*.")
    here = _recorded(layout)

    def wanted(remote_path: str, path: Path, record: FileRecord | None, is_shard: bool) -> Wanted:
        return Wanted(_join(published.prefix, remote_path), path, record, here.get(layout.key(path)), is_shard)

    files = [wanted(model_path, layout.tokenizer, tokenizer.files.get(model_path), False)]
    for split, count in (("val", dataset.stats.files_val), ("train", train_shards)):
        for index in range(count):
            path = f"datasets/{layout.dataset_name}/{shard_file_name(split, index)}"
            files.append(wanted(path, layout.shard(split, index), dataset.files.get(path), True))
            if split == "val" and layout.is_caseops:
                path = f"datasets/{layout.dataset_name}/{layout.sidecar(index).name}"
                files.append(wanted(path, layout.sidecar(index), dataset.files.get(path), True))
    return files


def _recorded(layout: Layout) -> dict[str, FileRecord]:
    """What the local manifest says of this variant's files: path below DATA_DIR -> record."""
    local = read_manifest(layout.manifest)
    if local is None or not local.has_dataset(layout.dataset_name):
        return {}
    dataset = local.dataset(layout.dataset_name)
    return {**local.tokenizer(dataset.tokenizer_name).files, **dataset.files}


def _obtain(file: Wanted, published: Published, progress: Progress, stop: threading.Event) -> tuple[FileRecord, bool]:
    """The record of the finished file, and whether it had to be fetched."""
    if stop.is_set():
        raise hub.Stopped
    where = f"{published.repo}: {file.remote_path}"
    remote = hub.describe(published.repo, file.remote_path, published.commit)
    if file.published and file.published.size_bytes != remote.size_bytes:
        raise DataError(
            f"{where} refused: {remote.size_bytes:,} bytes, its manifest says {file.published.size_bytes:,}. "
            "Ask whoever published it."
        )
    digests = {digest for digest in (file.published and file.published.sha256, remote.sha256) if digest}
    kept = _kept(file, remote.size_bytes, digests)
    if kept:
        return kept, False
    partial = remote.partial(file.path)
    with progress.file(file.path.name, remote.size_bytes) as received:
        hub.download(remote, partial, received, stop)
        try:
            record = _proven(partial, file, digests)
        except DataError as error:
            partial.unlink()
            raise DataError(f"{where} refused: {error}") from None
        with partial.open("rb") as finished:
            os.fsync(finished.fileno())
        move_whole(partial, file.path)
    return record, True


def _kept(file: Wanted, size_bytes: int, digests: set[str]) -> FileRecord | None:
    """The record of the file that lies here already, when it is the one published.

    A file we recorded when it was fetched is taken at its size and header (`pgolf data check` reads it all again);
    any other is read and hashed.
    """
    if not file.path.is_file() or file.path.stat().st_size != size_bytes:
        return None
    try:
        if file.here and file.here.size_bytes == size_bytes and digests <= {file.here.sha256}:
            if file.is_shard:
                open_shard(file.path)
            return file.here
        return _proven(file.path, file, digests)
    except DataError:
        return None  # not what is published: it is fetched again, and replaced only by a proven file


def _proven(path: Path, file: Wanted, digests: set[str]) -> FileRecord:
    """The record of the file at `path`. Raises DataError when it is no whole shard or has another digest."""
    if file.is_shard:
        open_shard(path)
    found = file_sha256(path)
    for digest in digests - {found}:
        raise DataError(f"sha256 {found[:16]}, published is {digest[:16]}. Fetch again, or ask whoever published it.")
    return FileRecord(size_bytes=path.stat().st_size, sha256=found)


def _record(layout: Layout, published: Published, done: dict[Path, FileRecord]) -> None:
    """Enter what is here now into the local manifest, beside what was fetched earlier."""
    records = {**_recorded(layout), **{layout.key(path): record for path, record in done.items()}}
    model_key = layout.key(layout.tokenizer)
    model = {key: record for key, record in records.items() if key == model_key}
    shards = {key: record for key, record in records.items() if key != model_key}
    source = {"repo": published.repo, "prefix": published.prefix, "commit": published.commit}
    record_dataset(
        layout,
        {**published.dataset.model_dump(exclude_none=True), "source": source, "files": _dump(shards)},
        {**published.tokenizer.model_dump(exclude_none=True), "model_path": model_key, "files": _dump(model)},
        published.manifest.model_dump(exclude={"datasets", "tokenizers"}),
    )


def _dump(records: dict[str, FileRecord]) -> dict[str, dict]:
    return {key: records[key].model_dump(exclude_none=True) for key in sorted(records)}


def _at_once(obtain: Callable[[Wanted, threading.Event], None], wanted: list[Wanted]) -> None:
    """Several files at a time; the first failure stops the others, which keep what they have."""
    stop = threading.Event()
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        futures = [pool.submit(obtain, file, stop) for file in wanted]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    for error in [future.exception() for future in futures if not future.cancelled()]:
        if error is not None and not isinstance(error, hub.Stopped):
            raise error


def _join(prefix: str, path: str) -> str:
    return f"{prefix.strip('/')}/{path}" if prefix else path
