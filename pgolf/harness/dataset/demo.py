"""A small real data set without a download: variant demo<vocabulary>, English text that comes with Python.

Documents in hash order; the first VALIDATION_BYTES of text are the validation split, the rest trains, and the tokenizer
sees only the rest (the challenge's trainer settings). Every document is bos + encode(text). Shards end with a document.
The same Python and sentencepiece versions give the same files, to the byte.
"""

import hashlib
import io
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from pgolf.core.errors import InputError
from pgolf.data.bytes.pieces import byte_tables, load_tokenizer, target_bytes
from pgolf.harness.dataset import stdlib_text
from pgolf.harness.dataset.layout import SPLITS, VOCABULARY_MAX, Layout, file_sha256, locked, write_shard, write_whole
from pgolf.harness.dataset.manifest import read_manifest, record_dataset

FORMAT = 1  # goes up whenever the files of the same Python change
VALIDATION_BYTES = 150_000
TRAIN_SHARDS = 8  # one per logical rank
VALIDATION_SHARDS = 1
TRAINER: dict[str, Any] = {
    "model_type": "bpe", "character_coverage": 0.999, "byte_fallback": True, "split_digits": True,
    "normalization_rule_name": "nmt_nfkc", "add_dummy_prefix": False, "hard_vocab_limit": False,
    "pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3,
    "num_threads": 1,  # the model file names its number of threads
    "minloglevel": 2,
}  # fmt: skip


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


def ensure_demo(data_dir: Path, vocab: int) -> DatasetSummary:
    """The demo data set below data_dir: built, unless it is there already with every digest right.

    Raises InputError when the text does not give a vocabulary of that size, DataError when the disk or Python fails.
    """
    if not 0 < vocab <= VOCABULARY_MAX:
        raise InputError(f"--vocab {vocab}: ids are 16 bits wide. Choose up to {VOCABULARY_MAX:,}, for example 1024.")
    layout = Layout(data_dir, f"demo{vocab}")
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
    paths = _paths(layout, dataset.stats.files_train, dataset.stats.files_val)
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
    write_whole(layout.tokenizer, _train_tokenizer(documents["train"], vocab))
    tokenizer = load_tokenizer(layout.tokenizer, vocab)
    tables = byte_tables(tokenizer, vocab)
    numbers: dict[str, int] = {"vocab_size": tokenizer.vocab_size()}
    for split, count in (("val", VALIDATION_SHARDS), ("train", TRAIN_SHARDS)):
        encoded = tokenizer.encode(list(documents[split]), out_type=int, num_threads=1)
        tokenized = [np.array([tokenizer.bos_id(), *ids], np.uint16) for ids in encoded]
        shards = _cut(tokenized, count)
        for index, tokens_N in enumerate(shards):
            write_shard(layout.shard(split, index), tokens_N)
        for index, path in layout.shards(split).items():
            if index >= count:
                path.unlink()
        stream_N = np.concatenate(shards)
        numbers |= {
            f"docs_{split}": len(tokenized), f"tokens_{split}": len(stream_N), f"files_{split}": count,
            f"bytes_{split}": int(target_bytes(tables, stream_N).sum()),
        }  # fmt: skip
    return _enter(layout, numbers, tokenizer)


def _train_tokenizer(texts: Sequence[str], vocab: int) -> bytes:
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, vocab_size=vocab, **TRAINER
        )
    except RuntimeError as error:
        raise InputError(f"--vocab {vocab}: {_reason(error)}. Choose a larger one, for example 1024.") from None
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size()
    if found != vocab:
        raise InputError(f"--vocab {vocab}: the demo text gives {found:,} pieces at most. Choose up to {found:,}.")
    return model.getvalue()


def _reason(error: RuntimeError) -> str:
    """SentencePiece's sentence without its source line and advice on its own options."""
    match = re.search(r"smaller than required_chars\. (\d+) vs (\d+)", str(error))
    return f"bytes and letters alone take {match[2]} ids" if match else f"SentencePiece refused it ({error})"


def _cut(documents: list[np.ndarray], count: int) -> list[np.ndarray]:
    """`count` shards of whole documents, in order, about equally long."""
    ends_D = np.cumsum([len(document) for document in documents])
    middles_D = ends_D - np.diff(ends_D, prepend=0) / 2
    shard_D = np.minimum(middles_D * count // ends_D[-1], count - 1).astype(int)
    return [np.concatenate([documents[i] for i in np.flatnonzero(shard_D == shard)]) for shard in range(count)]


def _enter(layout: Layout, numbers: dict[str, int], tokenizer: sentencepiece.SentencePieceProcessor) -> DatasetSummary:
    """Write the manifest entries: with them the data set is finished."""
    paths = _paths(layout, TRAIN_SHARDS, VALIDATION_SHARDS)
    files = {layout.key(path): {"size_bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in paths}
    lines = "".join(f"{record['sha256']}  {key}\n" for key, record in sorted(files.items()))
    totals = {
        f"{what}_total": numbers[f"{what}_train"] + numbers[f"{what}_val"] for what in ("docs", "files", "tokens")
    }
    summary = {**numbers, "digest": hashlib.sha256(lines.encode()).hexdigest()}
    model_key = layout.key(layout.tokenizer)
    base = f"datasets/{layout.dataset_name}"
    shared = {"vocab_size": numbers["vocab_size"], "bos_id": tokenizer.bos_id(), "eos_id": tokenizer.eos_id()}
    name, kind = f"sp_bpe_{layout.variant}", "sentencepiece_bpe"
    entry = {
        "name": layout.dataset_name, "tokenizer_name": name, "tokenizer_kind": kind, "path": base,
        "train_glob": f"{base}/fineweb_train_*.bin", "val_glob": f"{base}/fineweb_val_*.bin", **shared,
        "stats": {**{key: value for key, value in numbers.items() if key != "vocab_size"}, **totals},
        "files": {key: record for key, record in files.items() if key != model_key},
        "demo": {**_origin(), "summary": summary},
    }  # fmt: skip
    model_files = {model_key: files[model_key]}
    model_entry = {"name": name, "kind": kind, **shared, "model_path": model_key, "files": model_files}
    record_dataset(layout, entry, model_entry, {"append_eos": False})
    return _summary(layout, summary, was_built=True)


def _summary(layout: Layout, numbers: dict[str, Any], was_built: bool) -> DatasetSummary:
    return DatasetSummary(layout.variant, layout.folder, layout.tokenizer, **numbers, was_built=was_built)


def _paths(layout: Layout, train: int, val: int) -> list[Path]:
    counts = {"train": train, "val": val}
    return [layout.tokenizer, *(layout.shard(split, i) for split in SPLITS for i in range(counts[split]))]
