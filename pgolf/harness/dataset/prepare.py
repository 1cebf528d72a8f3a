"""The challenge's documents as shards: tokenizer, encoding in several processes, side-cars of CaseOps, manifest.

The first 50,000 documents of the file are the validation split, and nothing changes that: the public CaseOps script takes
10,000 unless told otherwise, which leaves the other 40,000 to training (issue 2127). Each document is bos + encode(text); a
split is one stream, cut into shards of 10^8 tokens. The files do not depend on the number of processes.

Whole or nothing: shards are written in a hidden folder that gets its name when all are there.
From    openai/parameter-golf, data export scripts; PR 1729 (CaseOps, side-car)
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pgolf.core.errors import DataError, InputError
from pgolf.data.shards import HEADER_BYTES
from pgolf.harness.dataset import known
from pgolf.harness.dataset.blocks import in_blocks, in_order
from pgolf.harness.dataset.documents import Documents
from pgolf.harness.dataset.encoding import check_vocabulary, checked_tokenizer, train_tokenizer
from pgolf.harness.dataset.layout import Layout, locked, shard_file_name, write_shard, write_whole
from pgolf.harness.dataset.manifest import record_made
from pgolf.harness.dataset.progress import Progress

VOCAB = 8192
CASEOPS_SUFFIX = "_lossless_caps_caseops_v1_reserved"  # as published
SHARD_TOKENS = 10**8
TRAINER_THREADS = 16  # SentencePiece's own choice, which the published model files name


@dataclass(frozen=True)
class Split:
    """How the documents are divided. The command knows the challenge's division alone."""

    validation_documents: int = known.VALIDATION_DOCUMENTS
    shard_tokens: int = SHARD_TOKENS


OFFICIAL = Split()


@dataclass(frozen=True)
class Prepared:
    variant: str
    folder: Path
    numbers: dict[str, int]
    """documents, tokens and files of both splits, and bytes_val: bytes of text of validation"""
    digest: str


def chosen(
    data_dir: Path,
    is_caseops: bool,
    variant: str | None,
    vocab: int | None,
    tokenizer: Path | None,
    documents: int | None,
) -> tuple[Layout, int]:
    """The data set and the size of its vocabulary that the options of the command mean. InputError when they disagree."""
    if tokenizer:
        if not tokenizer.is_file():
            raise InputError(f"--tokenizer {tokenizer}: no such file. Leave it out, and one is trained.")
        if documents:
            raise InputError("--tokenizer-documents: nothing is trained with --tokenizer. Leave one of them out.")
        pieces = checked_tokenizer(tokenizer, is_caseops).vocab_size()
        if vocab not in (None, pieces):
            raise InputError(f"--vocab-size {vocab}: {tokenizer} has {pieces} pieces. Leave --vocab-size out.")
        vocab = pieces
    vocab = VOCAB if vocab is None else vocab
    check_vocabulary(vocab, "--vocab-size")
    layout = Layout(data_dir, variant or f"sp{vocab}{CASEOPS_SUFFIX if is_caseops else ''}")
    if layout.is_caseops != is_caseops:
        expected = "has caseops in its name" if is_caseops else "does not have caseops in its name"
        raise InputError(f"--variant {variant}: a variant of this --format {expected}. Choose another name.")
    return layout, vocab


def prepare(
    layout: Layout,
    source: Path,
    vocab: int,
    tokenizer: Path | None = None,
    tokenizer_documents: int | None = None,
    jobs: int = 1,
    split: Split = OFFICIAL,
) -> Prepared:
    """Make the variant of `layout` from the documents in `source`.

    tokenizer             the model to use; None: one of `vocab` pieces is trained
    tokenizer_documents   how many documents the training sees, from the first on; None: all
    Raises InputError when something is there already or the options do not fit, DataError when a document or the disk is
    at fault.
    """
    documents = Documents(source)
    with locked(layout.lock), Progress("wrote") as progress:
        if layout.folder.exists():
            raise InputError(
                f"{layout.folder}: is there already. Delete it, or choose another --variant or --data-dir."
            )
        next(documents.texts(), None)  # is it JSON at all?
        if (found := documents.count(split.validation_documents + 1)) <= split.validation_documents:
            raise InputError(
                f"{source}: {found:,} documents; the first {split.validation_documents:,} are the validation split, and "
                "training needs more. Give the whole docs_selected.jsonl of the challenge's export."
            )
        sha256 = _checked_sha256(documents)
        _put_tokenizer(layout, documents, vocab, tokenizer, tokenizer_documents, progress)
        partial = layout.folder.with_name(f".{layout.folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            numbers = _write_shards(layout, partial, documents, jobs, split, progress)
            partial.rename(layout.folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        loaded = checked_tokenizer(layout.tokenizer, layout.is_caseops)
        numbers = {"vocab_size": loaded.vocab_size(), **numbers}
        origin = {
            "documents_sha256": sha256,
            "text_transform": "lossless_caps_caseops_v1" if layout.is_caseops else "identity",
            "sentencepiece": version("sentencepiece"),
        }
        digest = record_made(
            layout, numbers, loaded.bos_id(), loaded.eos_id(), lambda digest: {"prepared": {**origin, "digest": digest}}
        )
        return Prepared(layout.variant, layout.folder, numbers, digest)


def _checked_sha256(documents: Documents) -> str:
    """Of the documents; the order matters, so a file that is not the published one is refused where we can tell."""
    published, found = documents.published_sha256(), documents.sha256()
    if published and published != found:
        raise DataError(
            f"{documents.path}: sha256 {found[:16]}, its source_manifest.json says {published[:16]}: other documents, or in "
            "another order, and so another validation split. Fetch both again."
        )
    return found


def _put_tokenizer(
    layout: Layout, documents: Documents, vocab: int, given: Path | None, most: int | None, progress: Progress
) -> None:
    """The tokenizer in its place: the one given, or one trained on the documents."""
    place = layout.tokenizer
    if given:
        checked_tokenizer(given, layout.is_caseops)
        model = given.read_bytes()
        if place.is_file() and place.read_bytes() != model:
            raise InputError(f"{place}: another tokenizer is there. Delete it, or choose another --variant.")
        write_whole(place, model)
        return
    if place.exists():
        raise InputError(f"{place}: a tokenizer is there already. Use it with --tokenizer {place}, or delete it.")
    check_vocabulary(vocab, "--vocab-size")
    progress.say(f"training a tokenizer of {vocab:,} pieces on {'all' if most is None else f'{most:,}'} documents")
    texts = (text.replace("\x00", " ").strip() for text in documents.texts(most))
    model = train_tokenizer(filter(None, texts), vocab, layout.is_caseops, "--vocab-size", TRAINER_THREADS)
    write_whole(place, model)
    checked_tokenizer(place, layout.is_caseops)


def _write_shards(
    layout: Layout, folder: Path, documents: Documents, jobs: int, split: Split, progress: Progress
) -> dict[str, int]:
    """Both splits into `folder`; what they come to."""
    numbers = dict.fromkeys(("docs_val", "docs_train"), 0)
    streams = {
        "val": Stream(lambda i: folder / shard_file_name("val", i), split.shard_tokens, progress),
        "bytes": Stream(lambda i: folder / layout.sidecar(i).name, split.shard_tokens, progress),
        "train": Stream(lambda i: folder / shard_file_name("train", i), split.shard_tokens, progress),
    }
    text_bytes = 0
    encoder = layout.tokenizer, layout.is_caseops, documents.path
    with progress.bar(documents.path.name, documents.size_bytes) as read:
        for encoded in in_order(in_blocks(documents, split.validation_documents, read), jobs, encoder):
            name = "val" if encoded.is_validation else "train"
            if name == "train":
                streams["val"].end()
                streams["bytes"].end()
            numbers[f"docs_{name}"] += encoded.documents
            streams[name].add(encoded.tokens_N)
            if encoded.bytes_N is not None:
                text_bytes += int(encoded.bytes_N.sum(dtype=np.int64))
                if layout.is_caseops:
                    streams["bytes"].add(encoded.bytes_N)
    streams["train"].end()
    for name in ("val", "train"):
        numbers |= {f"tokens_{name}": streams[name].tokens, f"files_{name}": streams[name].files}
    return {**numbers, "bytes_val": text_bytes}


class Stream:
    """Numbers that become shards of equal length, the last one shorter."""

    def __init__(self, path: Callable[[int], Path], shard_tokens: int, progress: Progress):
        self.path, self.shard_tokens, self.progress = path, shard_tokens, progress
        self.held: list[np.ndarray] = []
        self.held_tokens = self.files = self.tokens = 0

    def add(self, tokens_N: np.ndarray) -> None:
        while self.held_tokens + len(tokens_N) >= self.shard_tokens:
            fit = self.shard_tokens - self.held_tokens
            self.held.append(tokens_N[:fit])
            tokens_N = tokens_N[fit:]
            self.end()
        self.held.append(tokens_N)
        self.held_tokens += len(tokens_N)

    def end(self) -> None:
        """Write what is held, if anything."""
        tokens_N = np.concatenate([np.zeros(0, np.uint16), *self.held])
        if len(tokens_N):
            path, size_bytes = self.path(self.files), HEADER_BYTES + 2 * len(tokens_N)
            with self.progress.file(path.name, size_bytes) as written:
                write_shard(path, tokens_N)
                written(size_bytes)
            self.files += 1
            self.tokens += len(tokens_N)
        self.held, self.held_tokens = [], 0


def processes() -> int:
    """How many processes this one may keep busy."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
