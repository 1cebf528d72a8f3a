"""Is the data set in DATA_DIR the one it claims to be, whole, and fit to train and score on?

Findings are faults. Unproven is what could not be compared with anything, or not judged: listed, and never a pass.
One pass over the shards, mapped into memory; no Python loop sees a token.
"""

import time
from pathlib import Path

import numpy as np
from sentencepiece import SentencePieceProcessor

from pgolf.core.errors import DataError, InputError
from pgolf.data.bytes.pieces import load_tokenizer
from pgolf.data.shards import open_shard
from pgolf.harness.dataset.check_sidecar import check_sidecar, check_transform
from pgolf.harness.dataset.check_text import (
    check_division,
    check_overlap,
    check_tokenizer_fit,
    check_validation_size,
    piece_bytes,
)
from pgolf.harness.dataset.findings import REFETCH, Report
from pgolf.harness.dataset.layout import VOCABULARY_MAX, Layout, file_sha256
from pgolf.harness.dataset.manifest import DatasetEntry, FileRecord, TokenizerEntry, read_manifest
from pgolf.harness.dataset.overlap import Overlap
from pgolf.harness.dataset.progress import Progress

BOS_ID = 1  # of every published export; used only where neither tokenizer nor manifest can be asked


def check(layout: Layout, train_shards: int | None = None) -> Report:
    """Read every shard of the variant (the first `train_shards` training shards, or all that are here).

    Raises DataError when there is no such data set or its manifest is damaged; InputError on an impossible number.
    """
    if not layout.folder.is_dir():
        there = ", ".join(sorted(path.name for path in layout.folder.parent.glob("fineweb10B_*"))) or "none"
        raise DataError(f"{layout.folder}: no such data set, only: {there}. Run `pgolf data fetch`, or set --data-dir.")
    start = time.perf_counter()
    checker = _Checker(layout, train_shards)
    checker.run()
    checker.report.facts["seconds"] = round(time.perf_counter() - start, 3)
    return checker.report


class _Checker:
    def __init__(self, layout: Layout, train_shards: int | None) -> None:
        self.layout = layout
        self.report = Report(layout.variant, str(layout.folder))
        self.records: dict[str, FileRecord] = {}
        self.without_digest: list[str] = []
        self.dataset, self.tokenizer_entry = self._entries()
        if train_shards is not None:
            most = self.dataset.stats.files_train if self.dataset else 1_000_000
            if not 0 <= train_shards <= most:
                raise InputError(f"--train-shards {train_shards}: the manifest lists {most}. Ask for 0 to {most}.")
        self.train_shards = train_shards

    def run(self) -> None:
        tokenizer = self._tokenizer()
        bos_id = tokenizer.bos_id() if tokenizer else (self.dataset and self.dataset.bos_id) or BOS_ID
        listed = self.dataset.vocab_size if self.dataset else None
        vocabulary = tokenizer.vocab_size() if tokenizer else listed
        if not vocabulary:
            self.report.open_question(
                "token-ids", "size of the vocabulary unknown", "ids below it", "Fetch the tokenizer"
            )
        val_paths = self._inventory("val", self.dataset.stats.files_val if self.dataset else None)
        train_paths = self._inventory("train", self.train_shards)
        overlap = Overlap(bos_id)
        val_shards, sidecars = [], []
        shard_tokens = 0
        with Progress() as progress:
            for path in val_paths:
                tokens_N = self._shard(path, vocabulary, bos_id, progress)
                if tokens_N is not None:
                    val_shards.append(tokens_N)
                    overlap.add_validation(tokens_N)
                    sidecars.append(self._sidecar(path, len(tokens_N), progress))
            overlap.freeze()
            train_tokens = train_documents = 0
            for path in train_paths:
                tokens_N = self._shard(path, vocabulary, bos_id, progress)
                if tokens_N is not None:
                    shard_tokens = max(shard_tokens, len(tokens_N))
                    train_tokens += len(tokens_N)
                    train_documents += overlap.add_training(path, tokens_N)
            train_documents += overlap.end()
        val_tokens = sum(map(len, val_shards))
        self.report.facts |= {
            "val_shards": len(val_paths), "val_documents": overlap.validation_documents, "val_tokens": val_tokens,
            "train_shards": len(train_paths), "train_documents": train_documents, "train_tokens": train_tokens,
        }  # fmt: skip
        self._counts(len(train_paths))
        if tokenizer and val_shards:
            check_tokenizer_fit(self.report, tokenizer, val_shards[0], bos_id)
            stream_N = np.concatenate(val_shards) if len(val_shards) > 1 else val_shards[0]
            bytes_N: np.ndarray | None = piece_bytes(tokenizer, stream_N)
            if self.layout.is_caseops:
                check_transform(self.report, tokenizer, val_shards[0], bos_id)
                bytes_N = check_sidecar(self.report, tokenizer, stream_N, sidecars, bos_id)
            if bytes_N is not None:
                recorded_bytes = self.dataset.stats.bytes_val if self.dataset else None
                check_validation_size(self.report, bytes_N, recorded_bytes)
        else:
            self.report.open_question("val-bytes", "no tokenizer or no validation shard", "bytes of text", "Fetch them")
        if not self.layout.variant.startswith("demo"):
            listed_shards = self.dataset.stats.files_train if self.dataset else len(train_paths)
            check_division(self.report, listed_shards, shard_tokens)
        check_overlap(self.report, overlap, bool(train_paths))
        if self.without_digest:
            found = f"{len(self.without_digest)} files have no digest, the first is {self.without_digest[0]}"
            self.report.open_question("sha256", found, "one in the manifest", "Run `pgolf data fetch` to add them")

    # What the manifest says

    def _entries(self) -> tuple[DatasetEntry | None, TokenizerEntry | None]:
        manifest = read_manifest(self.layout.manifest)
        if manifest is None or not manifest.has_dataset(self.layout.dataset_name):
            found = "no manifest.json" if manifest is None else f"no {self.layout.dataset_name} in manifest.json"
            self.report.open_question("manifest", found, "counts, sizes, sha256", "Run `pgolf data fetch` to bring it")
            return None, None
        dataset = manifest.dataset(self.layout.dataset_name)
        tokenizer = manifest.tokenizer(dataset.tokenizer_name)
        self.records = {**tokenizer.files, **dataset.files}
        return dataset, tokenizer

    def _inventory(self, split: str, count: int | None) -> list[Path]:
        """The shards to read, of the `count` that must be here (None: up to the last that is here or was recorded)."""
        here = self.layout.shards(split)
        published = None
        if self.dataset:
            published = self.dataset.stats.files_val if split == "val" else self.dataset.stats.files_train
        if count is None:
            recorded = [index for index in range(published or 0) if self._recorded(split, index)]
            count = max([*here, *recorded], default=0) + 1
            count = count if published is None else min(count, published)
        missing = [index for index in range(count) if index not in here]
        if missing:
            first = self.layout.shard(split, missing[0]).name
            found = f"{len(missing)} of {count} {split} shards missing, the first is {first}"
            self.report.fault("shard-missing", found, "none missing", "Run `pgolf data fetch` again")
        extra = [path for index, path in here.items() if published is not None and index >= published]
        if extra:
            found = f"{len(here)} {split} shards, {extra[0].name} is beyond the published"
            self.report.fault("shard-extra", found, f"{published}", "Of another export: delete the data set, fetch it")
        return [path for index, path in here.items() if index < count]

    def _recorded(self, split: str, index: int) -> bool:
        return self.layout.key(self.layout.shard(split, index)) in self.records

    def _counts(self, train_shards: int) -> None:
        stats, facts = self.dataset and self.dataset.stats, self.report.facts
        if not stats:
            return
        listed = {"val_documents": stats.docs_val, "val_tokens": stats.tokens_val}
        if train_shards == stats.files_train:
            listed |= {"train_documents": stats.docs_train, "train_tokens": stats.tokens_train}
        for name, count in listed.items():
            if count is None:
                self.report.open_question("counts", f"{name} {facts[name]:,}", "a count in the manifest", "Fetch again")
            elif facts[name] != count:
                self.report.fault("counts", f"{name} {facts[name]:,}", f"{count:,} by the manifest", REFETCH)

    # What the files are

    def _file(self, path: Path) -> None:
        """Size and digest against the manifest."""
        record = self.records.get(self.layout.key(path))
        if record is None or record.sha256 is None:
            self.without_digest.append(path.name)
        if record and path.stat().st_size != record.size_bytes:
            found = f"{path.name} has {path.stat().st_size:,} bytes"
            self.report.fault("size", found, f"{record.size_bytes:,} by the manifest", REFETCH)
        elif record and record.sha256 and record.sha256 != (found := file_sha256(path)):
            self.report.fault(
                "sha256", f"{path.name} has {found[:16]}", f"{record.sha256[:16]} by the manifest", REFETCH
            )

    def _shard(self, path: Path, vocabulary: int | None, bos_id: int, progress: Progress) -> np.ndarray | None:
        """Its tokens (N,) uint16, or None when it cannot be read."""
        with progress.file(path.name, path.stat().st_size) as done:
            self._file(path)
            try:
                tokens_N = open_shard(path)
            except DataError as error:
                self.report.fault("shard", str(error).rstrip("."), "a whole shard", REFETCH)
                return None
            done(path.stat().st_size)
        highest = int(tokens_N.max()) if len(tokens_N) else -1
        if not len(tokens_N):
            self.report.fault("shard", f"{path.name} has 0 tokens", "at least one", REFETCH)
        if vocabulary and highest >= vocabulary:
            allowed = f"ids below the vocabulary of {vocabulary}"
            remedy = "Fetch shards and tokenizer of one export"
            self.report.fault("token-ids", f"{path.name} holds id {highest}", allowed, remedy)
        if len(tokens_N) and path == self.layout.shard(path.name.split("_")[1], 0) and tokens_N[0] != bos_id:
            remedy = "The split does not begin with a document: fetch it again"
            self.report.fault("first-bos", f"{path.name} begins with id {int(tokens_N[0])}", f"bos ({bos_id})", remedy)
        return tokens_N

    def _sidecar(self, shard: Path, tokens: int, progress: Progress) -> np.ndarray | None:
        """The side-car (N,) of a validation shard of a CaseOps variant, or None when there is no whole one."""
        if not self.layout.is_caseops:
            return None
        path = shard.with_name(shard.name.replace("_val_", "_val_bytes_"))
        if not path.is_file():
            remedy = "Run `pgolf data fetch` again, or `pgolf data prepare`"
            self.report.fault("sidecar", f"{path.name} missing", "one for each validation shard", remedy)
            return None
        with progress.file(path.name, path.stat().st_size) as done:
            self._file(path)
            try:
                bytes_N = open_shard(path)
            except DataError as error:
                self.report.fault("sidecar", str(error).rstrip("."), "a whole side-car", REFETCH)
                return None
            done(path.stat().st_size)
        if len(bytes_N) != tokens:
            found = f"{path.name} has {len(bytes_N):,} entries"
            self.report.fault("sidecar", found, f"{tokens:,}, as many as {shard.name} has tokens", REFETCH)
            return None
        return bytes_N

    def _tokenizer(self) -> SentencePieceProcessor | None:
        path = self.layout.tokenizer
        try:
            tokenizer = load_tokenizer(path, VOCABULARY_MAX)
        except DataError as error:
            self.report.fault("tokenizer", str(error).rstrip("."), "the tokenizer of these shards", REFETCH)
            return None
        self._file(path)
        for entry in (self.dataset, self.tokenizer_entry):
            if entry and entry.vocab_size and entry.vocab_size != tokenizer.vocab_size():
                found = f"{path.name} has {tokenizer.vocab_size():,} pieces"
                self.report.fault("tokenizer", found, f"{entry.vocab_size:,} by the manifest", REFETCH)
                break
        return tokenizer
