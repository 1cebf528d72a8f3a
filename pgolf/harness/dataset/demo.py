"""A small real data set without a download: variant demo<vocabulary>, English text that comes with Python.

Its twin democaseops<vocabulary> has the same documents, transformed, and a side-car (caseops.py).

Documents in hash order; the first VALIDATION_BYTES of text are the validation split, the rest trains, and the tokenizer
sees only the rest (the challenge's trainer settings). Every document is bos + encode(text). Shards end with a document.
The same Python and sentencepiece versions give the same files, to the byte.
"""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pgolf.data.bytes.pieces import byte_tables, load_tokenizer, target_bytes
from pgolf.harness.dataset import stdlib_text
from pgolf.harness.dataset.encoding import check_vocabulary, encode_documents, train_tokenizer
from pgolf.harness.dataset.layout import SPLITS, Layout, file_sha256, locked, write_shard, write_whole
from pgolf.harness.dataset.manifest import made_files, read_manifest, record_made

FORMAT = 1  # goes up whenever the files of the same Python change
VALIDATION_BYTES = 150_000
TRAIN_SHARDS = 8  # one per logical rank
VALIDATION_SHARDS = 1


@dataclass(frozen=True)
class DatasetSummary:
    variant: str
    folder: Path
    tokenizer: Path
    vocab_size: int
    docs_train: int
    docs_val: int
    tokens_train: int
    tokens_val: int
    bytes_train: int
    bytes_val: int
    files_train: int
    files_val: int
    digest: str
    was_built: bool


def ensure_demo(data_dir: Path, vocab: int, is_caseops: bool = False) -> DatasetSummary:
    """The demo data set, or its CaseOps twin, below data_dir: built, unless it is there already with every digest right.

    Raises InputError when the text does not give a vocabulary of that size, DataError when the disk or Python fails.
    """
    check_vocabulary(vocab, "--vocab")
    layout = Layout(data_dir, f"demo{'caseops' if is_caseops else ''}{vocab}")
    finished = _finished(layout)  # without the lock, so that a finished one may lie on a read-only disk
    if finished:
        return finished
    with locked(layout.lock):
        return _finished(layout) or _build(layout, vocab)


def _origin() -> dict[str, Any]:
    return {"format": FORMAT, "python": platform.python_version(), "sentencepiece": version("sentencepiece")}


def _finished(layout: Layout) -> DatasetSummary | None:
    """The data set that is here, when it is of this Python and each file has the digest recorded for it."""
    manifest = read_manifest(layout.manifest)
    if manifest is None or not manifest.has_dataset(layout.dataset_name):
        return None
    dataset = manifest.dataset(layout.dataset_name)
    demo = dataset.model_dump().get("demo") or {}
    tokenizer = manifest.tokenizer(dataset.tokenizer_name)
    paths = made_files(layout, dataset.stats.files_train, dataset.stats.files_val)
    records = {**tokenizer.files, **dataset.files}
    wanted = {layout.key(path) for path in paths}
    here = {path for split in SPLITS for path in layout.shards(split).values()}
    if {key: demo.get(key) for key in _origin()} != _origin() or set(records) != wanted or not here <= set(paths):
        return None
    for path in paths:
        if not path.is_file() or file_sha256(path) != records[layout.key(path)].sha256:
            return None
    return _summary(layout, demo["summary"], was_built=False)


def _build(layout: Layout, vocab: int) -> DatasetSummary:
    texts = stdlib_text.documents()
    ends_bytes = np.cumsum([len(text.encode()) for text in texts])
    first_train = int(np.searchsorted(ends_bytes, VALIDATION_BYTES)) + 1
    documents = {"val": texts[:first_train], "train": texts[first_train:]}
    write_whole(layout.tokenizer, train_tokenizer(documents["train"], vocab, layout.is_caseops, "--vocab"))
    tokenizer = load_tokenizer(layout.tokenizer, vocab)
    tables = byte_tables(tokenizer, vocab)
    numbers: dict[str, int] = {"vocab_size": tokenizer.vocab_size()}
    for split, count in (("val", VALIDATION_SHARDS), ("train", TRAIN_SHARDS)):
        tokenized, counted = encode_documents(tokenizer, documents[split], layout.is_caseops, layout.is_caseops)
        shards = _cut(tokenized, count)
        for index, tokens_N in enumerate(shards):
            write_shard(layout.shard(split, index), tokens_N)
        for index, path in layout.shards(split).items():
            if index >= count:
                path.unlink()
        stream_N = np.concatenate(shards)
        bytes_N = np.concatenate(counted) if counted else target_bytes(tables, stream_N)
        if split == "val" and layout.is_caseops:
            write_shard(layout.sidecar(0), bytes_N)  # of the one validation shard
        numbers |= {
            f"docs_{split}": len(tokenized), f"tokens_{split}": len(stream_N), f"files_{split}": count,
            f"bytes_{split}": int(bytes_N.sum()),
        }  # fmt: skip
    digest = record_made(
        layout, numbers, tokenizer.bos_id(), tokenizer.eos_id(),
        lambda digest: {"demo": {**_origin(), "summary": {**numbers, "digest": digest}}},
    )  # fmt: skip
    return _summary(layout, {**numbers, "digest": digest}, was_built=True)


def _cut(documents: list[np.ndarray], count: int) -> list[np.ndarray]:
    """`count` shards of whole documents, in order, about equally long."""
    ends_D = np.cumsum([len(document) for document in documents])
    middles_D = ends_D - np.diff(ends_D, prepend=0) / 2
    shard_D = np.minimum(middles_D * count // ends_D[-1], count - 1).astype(int)
    return [np.concatenate([documents[i] for i in np.flatnonzero(shard_D == shard)]) for shard in range(count)]


def _summary(layout: Layout, numbers: dict[str, Any], was_built: bool) -> DatasetSummary:
    return DatasetSummary(layout.variant, layout.folder, layout.tokenizer, **numbers, was_built=was_built)
