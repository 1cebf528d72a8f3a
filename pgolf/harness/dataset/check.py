"""Is the data set in DATA_DIR the one it claims to be, whole, and fit to train and score on?

Findings are faults. Unproven is what could not be compared with anything, or not judged: listed, and never a pass.
One pass over the shards, mapped into memory; no Python loop sees a token.
"""

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sentencepiece import SentencePieceProcessor

from pgolf.core.errors import DataError, InputError
from pgolf.data.byte_counts import byte_tables, load_tokenizer, target_bytes
from pgolf.data.shards import open_shard
from pgolf.harness.dataset import known
from pgolf.harness.dataset.layout import VOCABULARY_MAX, Layout, file_sha256
from pgolf.harness.dataset.manifest import DatasetEntry, FileRecord, TokenizerEntry, read_manifest
from pgolf.harness.dataset.overlap import HEAD_TOKENS, Overlap
from pgolf.harness.dataset.progress import Progress

BOS_ID = 1  # of every published export; used only where neither tokenizer nor manifest can be asked
BLOCK_TOKENS = 1 << 20
FIT_DOCUMENTS = 64
FIT_DOCUMENT_TOKENS_MAX = 4096
FIT_FRACTION_MIN = 0.9  # re-encoding is not the identity on a few odd characters
REFETCH = "Delete it and run `pgolf data fetch` again"


@dataclass(frozen=True)
class Finding:
    code: str
    found: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code}: {self.found}; allowed: {self.allowed}. {self.remedy}."


@dataclass
class Report:
    variant: str
    folder: str
    findings: list[Finding] = field(default_factory=list)
    unproven: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        return {"clean": self.clean, **dataclasses.asdict(self)}


def check(layout: Layout, train_shards: int | None = None) -> Report:
    """Read every shard of the variant (the first `train_shards` training shards, or all that are here).

    Raises DataError when there is no such data set or its manifest is damaged; InputError on an impossible number.
    """
    if not layout.folder.is_dir():
        there = ", ".join(sorted(path.name for path in layout.folder.parent.glob("fineweb10B_*"))) or "none"
        raise DataError(f"{layout.folder}: no such data set (here: {there}). Run `pgolf data fetch`, or set --data-dir.")
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
        self.dataset, self.tokenizer_entry = self._entries()
        if train_shards is not None:
            most = self.dataset.stats.files_train if self.dataset else 1_000_000
            if not 0 <= train_shards <= most:
                raise InputError(f"--train-shards {train_shards}: the manifest lists {most}. Ask for 0 to {most}.")
        self.train_shards = train_shards

    def run(self) -> None:
        tokenizer = self._tokenizer()
        bos_id = tokenizer.bos_id() if tokenizer else (self.dataset and self.dataset.bos_id) or BOS_ID
        vocabulary = tokenizer.vocab_size() if tokenizer else self.dataset and self.dataset.vocab_size
        if not vocabulary:
            self._unproven("token-ids", "size of the vocabulary unknown", "ids below it", "Fetch the tokenizer")
        val_paths = self._inventory("val", self.dataset.stats.files_val if self.dataset else None)
        train_paths = self._inventory("train", self.train_shards)
        overlap = Overlap(bos_id)
        val_shards = []
        with Progress() as progress:
            for path in val_paths:
                tokens_N = self._shard(path, vocabulary, bos_id, progress)
                if tokens_N is not None:
                    val_shards.append(tokens_N)
                    overlap.add_validation(tokens_N)
            overlap.freeze()
            train_tokens = train_documents = 0
            for path in train_paths:
                tokens_N = self._shard(path, vocabulary, bos_id, progress)
                if tokens_N is not None:
                    train_tokens += len(tokens_N)
                    train_documents += overlap.add_training(path, tokens_N)
            if train_paths:
                train_documents += overlap.end(train_paths[-1])
        val_tokens = sum(map(len, val_shards))
        self.report.facts |= {
            "val_shards": len(val_paths), "val_documents": overlap.validation_documents, "val_tokens": val_tokens,
            "train_shards": len(train_paths), "train_documents": train_documents, "train_tokens": train_tokens,
        }  # fmt: skip
        self._counts(len(train_paths))
        if tokenizer and val_shards:
            self._fit(tokenizer, val_shards[0], bos_id)
            self._constants(tokenizer, np.concatenate(val_shards) if len(val_shards) > 1 else val_shards[0])
        else:
            self._unproven("val-bytes", "no tokenizer or no validation shard", "bytes of text", "Fetch them")
        self._overlap(overlap, bool(train_paths))

    # What the manifest says

    def _entries(self) -> tuple[DatasetEntry | None, TokenizerEntry | None]:
        manifest = read_manifest(self.layout.manifest)
        if manifest is None or not manifest.has_dataset(self.layout.dataset_name):
            found = "no manifest.json" if manifest is None else f"no {self.layout.dataset_name} in manifest.json"
            self._unproven("manifest", found, "counts, sizes, sha256", "Run `pgolf data fetch` to bring it")
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
            recorded = {int(key[-10:-4]) for key in self.records if f"/fineweb_{split}_" in key and key[-10:-4].isdigit()}
            count = max([*here, *recorded], default=0) + 1
            if published is not None:
                count = min(count, published)
        missing = [index for index in range(count) if index not in here]
        if missing:
            first = self.layout.shard(split, missing[0]).name
            found = f"{len(missing)} of {count} {split} shards missing, the first is {first}"
            self._finding("shard-missing", found, "none missing", "Run `pgolf data fetch` again")
        extra = [path for index, path in here.items() if published is not None and index >= published]
        if extra:
            found = f"{len(here)} {split} shards, {extra[0].name} is beyond the published"
            self._finding("shard-extra", found, f"{published}", "They are of another export: delete the data set, fetch it")
        if split == "train" and not count:
            self._unproven("train", "no training shard was read", "the shards to train on", "Ask for more --train-shards")
        return [path for index, path in here.items() if index < count]

    def _counts(self, train_shards: int) -> None:
        stats, facts = self.dataset and self.dataset.stats, self.report.facts
        if not stats:
            return
        listed = {"val_documents": stats.docs_val, "val_tokens": stats.tokens_val}
        if train_shards == stats.files_train:
            listed |= {"train_documents": stats.docs_train, "train_tokens": stats.tokens_train}
        for name, count in listed.items():
            if count is None:
                self._unproven("counts", f"{name} {facts[name]:,}", "no count in the manifest", "None")
            elif facts[name] != count:
                self._finding("counts", f"{name} {facts[name]:,}", f"{count:,} by the manifest", REFETCH)

    # What the files are

    def _file(self, path: Path) -> None:
        """Size and digest against the manifest."""
        record = self.records.get(self.layout.key(path))
        if record is None or record.sha256 is None:
            self._unproven("sha256", f"{path.name} has no digest", "one in the manifest", "Run `pgolf data fetch` to add it")
        if record and path.stat().st_size != record.size_bytes:
            found = f"{path.name} has {path.stat().st_size:,} bytes"
            self._finding("size", found, f"{record.size_bytes:,} by the manifest", REFETCH)
        elif record and record.sha256 and record.sha256 != (found := file_sha256(path)):
            self._finding("sha256", f"{path.name} has {found[:16]}", f"{record.sha256[:16]} by the manifest", REFETCH)

    def _shard(self, path: Path, vocabulary: int | None, bos_id: int, progress: Progress) -> np.ndarray | None:
        """Its tokens (N,) uint16, or None when it cannot be read."""
        with progress.file(path.name, path.stat().st_size) as done:
            self._file(path)
            try:
                tokens_N = open_shard(path)
            except DataError as error:
                self._finding("shard", str(error).rstrip("."), "a whole shard", REFETCH)
                return None
            done(path.stat().st_size)
        highest = int(tokens_N.max()) if len(tokens_N) else -1
        if not len(tokens_N):
            self._finding("shard", f"{path.name} has 0 tokens", "at least one", REFETCH)
        if vocabulary and highest >= vocabulary:
            allowed = f"ids below the vocabulary of {vocabulary}"
            self._finding("token-ids", f"{path.name} holds id {highest}", allowed, "Fetch shards and tokenizer of one export")
        if len(tokens_N) and path == self.layout.shard(path.name.split("_")[1], 0) and tokens_N[0] != bos_id:
            remedy = "The split does not begin with a document: fetch it again"
            self._finding("first-bos", f"{path.name} begins with id {int(tokens_N[0])}", f"bos ({bos_id})", remedy)
        return tokens_N

    def _tokenizer(self) -> SentencePieceProcessor | None:
        path = self.layout.tokenizer
        try:
            tokenizer = load_tokenizer(path, VOCABULARY_MAX)
        except DataError as error:
            self._finding("tokenizer", str(error).rstrip("."), "the tokenizer of these shards", REFETCH)
            return None
        self._file(path)
        for entry in (self.dataset, self.tokenizer_entry):
            if entry and entry.vocab_size and entry.vocab_size != tokenizer.vocab_size():
                found = f"{path.name} has {tokenizer.vocab_size():,} pieces"
                self._finding("tokenizer", found, f"{entry.vocab_size:,} by the manifest", REFETCH)
                break
        return tokenizer

    # What the text is

    def _fit(self, tokenizer: SentencePieceProcessor, tokens_N: np.ndarray, bos_id: int) -> None:
        """Documents, decoded and encoded again, must give the same ids: another tokenizer of the same size does not."""
        some_N = np.asarray(tokens_N[:BLOCK_TOKENS])
        starts = np.flatnonzero(some_N == bos_id)[: FIT_DOCUMENTS + 1]
        documents = [some_N[a + 1 : b].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)]
        documents = [ids for ids in documents if 0 < len(ids) <= FIT_DOCUMENT_TOKENS_MAX]
        if not documents:
            self._unproven("tokenizer-fit", "no validation document to try", f"{FIT_DOCUMENTS}", "None")
            return
        pieces = tokenizer.vocab_size()
        same = sum(max(ids) < pieces and tokenizer.encode(tokenizer.decode(ids)) == ids for ids in documents)
        if same < FIT_FRACTION_MIN * len(documents):
            found = f"{same} of {len(documents)} validation documents keep their ids when decoded and encoded again"
            self._finding("tokenizer-fit", found, f"{FIT_FRACTION_MIN:.0%}", "Not the tokenizer of these shards: fetch both")

    def _constants(self, tokenizer: SentencePieceProcessor, tokens_N: np.ndarray) -> None:
        """Targets and bytes of the validation split, against the manifest and the published constants."""
        tables = byte_tables(tokenizer, VOCABULARY_MAX)

        def count_bytes(targets: int) -> int:
            starts = range(0, targets, BLOCK_TOKENS)
            ends = (min(start + BLOCK_TOKENS, targets) for start in starts)
            return sum(int(target_bytes(tables, tokens_N[a : b + 1]).sum()) for a, b in zip(starts, ends, strict=True))

        total = self.report.facts["val_bytes"] = count_bytes(len(tokens_N) - 1)
        listed = self.dataset.stats.bytes_val if self.dataset else None
        if listed is not None and listed != total:
            self._finding("val-bytes", f"{total:,} bytes", f"{listed:,} by the manifest", REFETCH)
        targets_by_length = known.VALIDATION_TARGETS.get(self.layout.variant)
        if targets_by_length is None:
            variants = ", ".join(known.VALIDATION_TARGETS)
            found = f"{len(tokens_N) - 1:,} targets, {total:,} bytes of {self.layout.variant}"
            self._unproven("constants", found, f"known for {variants} only", "Compare with a run you trust")
            return
        for length, allowed in targets_by_length.items():
            usable = (len(tokens_N) - 1) // length * length
            if usable not in allowed:
                found = f"{usable:,} validation targets at length {length}"
                remedy = "The launch export, not comparable" if usable == known.LAUNCH_TARGETS else REFETCH
                self._finding("val-tokens", found, " or ".join(f"{count:,}" for count in sorted(allowed)), remedy)
            size = count_bytes(usable)
            if not known.VALIDATION_BYTES_MIN <= size <= known.VALIDATION_BYTES_MAX:
                allowed_bytes = f"{known.VALIDATION_BYTES_MIN:,} to {known.VALIDATION_BYTES_MAX:,}"
                self._finding("val-bytes", f"{size:,} bytes of text at length {length}", allowed_bytes, REFETCH)
        documents = self.report.facts["val_documents"]
        if documents != known.VALIDATION_DOCUMENTS:
            allowed_documents = f"{known.VALIDATION_DOCUMENTS:,}"
            self._finding("val-documents", f"{documents:,} validation documents", allowed_documents, REFETCH)

    def _overlap(self, overlap: Overlap, trained: bool) -> None:
        total = overlap.validation_documents
        self.report.facts |= {"overlap_whole": overlap.whole, "overlap_heads": overlap.heads}
        if not trained or not total:
            self._unproven("overlap", "no training or no validation documents to compare", "both", "Fetch them")
            return
        kinds = (
            ("", overlap.whole, known.WHOLE_FRACTION_MAX, overlap.whole_shards),
            (f" (first {HEAD_TOKENS} tokens)", overlap.heads, known.HEAD_FRACTION_MAX, overlap.head_shards),
        )
        for what, count, fraction_max, shards in kinds:
            if not count:
                continue
            most = sorted(shards, key=lambda name: -shards[name])
            where = ", ".join(f"{name} ({shards[name]:,})" for name in most[:3])
            more = f" and {len(most) - 3} more" if len(most) > 3 else ""
            found = f"{count:,} of {total:,} validation documents{what} are in training: {where}{more}"
            is_leak = count > fraction_max * total
            remedy = "Training saw the validation split: delete these shards, fetch the published export"
            report = self._finding if is_leak else self._unproven
            report("overlap", found, f"{fraction_max:.0%}", remedy if is_leak else "May be text that recurs by nature")

    def _finding(self, code: str, found: str, allowed: str, remedy: str) -> None:
        self.report.findings.append(Finding(code, found, allowed, remedy))

    def _unproven(self, code: str, found: str, allowed: str, remedy: str) -> None:
        self.report.unproven.append(Finding(code, found, allowed, remedy))
