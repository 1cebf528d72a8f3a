"""From texts to tokens, as the challenge's exporter does it: the tokenizer's training, and bos + encode(text) of each document.

plain     the text itself
caseops   its CaseOps transform, marks as user-defined symbols 4 to 7; and by token the bytes of the original text
"""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from pgolf.core.errors import DataError, InputError
from pgolf.data.bytes.pieces import load_tokenizer
from pgolf.harness.dataset import caseops
from pgolf.harness.dataset.layout import VOCABULARY_MAX

IDS = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
MARK_IDS = {mark: 4 + i for i, mark in enumerate(caseops.MARKS)}
TRAINER: dict[str, Any] = {
    "model_type": "bpe", "character_coverage": 0.999, "byte_fallback": True, "split_digits": True,
    "normalization_rule_name": "nmt_nfkc", "add_dummy_prefix": False, "hard_vocab_limit": False, **IDS, "minloglevel": 2,
}  # fmt: skip


def check_vocabulary(vocab: int, option: str) -> None:
    if not 0 < vocab <= VOCABULARY_MAX:
        raise InputError(f"{option} {vocab}: ids are 16 bits wide. Choose up to {VOCABULARY_MAX:,}, for example 1024.")


def train_tokenizer(texts: Iterable[str], vocab: int, is_caseops: bool, option: str, threads: int = 1) -> bytes:
    """The model file. Texts longer than 4,192 bytes do not count: the exporter leaves SentencePiece's limit as it is.

    Raises InputError, which names `option`, when the texts do not give a vocabulary of just that size.
    """
    model = io.BytesIO()
    settings = {**TRAINER, "user_defined_symbols": list(caseops.MARKS)} if is_caseops else TRAINER
    settings = {**settings, "num_threads": threads}  # the model file names them
    seen = (caseops.encode(text) for text in texts) if is_caseops else iter(texts)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=seen, model_writer=model, vocab_size=vocab, **settings
        )
    except RuntimeError as error:
        raise InputError(f"{option} {vocab}: {_reason(error)}. Choose a larger one, for example 1024.") from None
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size()
    if found != vocab:
        raise InputError(f"{option} {vocab}: the text gives {found:,} pieces at most. Choose up to {found:,}.")
    return model.getvalue()


def _reason(error: RuntimeError) -> str:
    """SentencePiece's sentence without its source line and advice on its own options."""
    match = re.search(r"smaller than required_chars\. (\d+) vs (\d+)", str(error))
    return f"bytes and letters alone take {match[2]} ids" if match else f"SentencePiece refused it ({error})"


def checked_tokenizer(path: Path, is_caseops: bool) -> sentencepiece.SentencePieceProcessor:
    """The tokenizer at `path`. Raises DataError when its ids are not those of the challenge, or not those of CaseOps."""
    tokenizer = load_tokenizer(path, VOCABULARY_MAX)
    ids = {name: getattr(tokenizer, name)() for name in IDS}
    if ids != IDS:
        raise DataError(f"{path}: ids {ids}; allowed: {IDS}. Train it with the challenge's settings, or leave it out.")
    unknown = tokenizer.unk_id()
    marks = {f"U+{ord(mark):X}": tokenizer.piece_to_id(mark) for mark in MARK_IDS}
    if is_caseops and list(marks.values()) != list(MARK_IDS.values()):
        raise DataError(
            f"{path}: the marks of CaseOps are {marks}, allowed: 4, 5, 6, 7. Not a tokenizer of transformed text: choose "
            "--format plain, or another one."
        )
    if not is_caseops and set(marks.values()) != {unknown}:
        raise DataError(f"{path}: has the marks of CaseOps ({marks}). Choose --format caseops, or another tokenizer.")
    return tokenizer


def encode_documents(
    tokenizer: sentencepiece.SentencePieceProcessor, texts: Sequence[str], is_caseops: bool, with_bytes: bool
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Tokens (N,) uint16 of each text, bos first, and bytes (N,) int64 of original text by token (none if not asked for)."""
    seen = [caseops.encode(text) for text in texts] if is_caseops else list(texts)
    if not with_bytes:
        encoded = tokenizer.encode(seen, out_type=int, num_threads=1)
        return [np.array([tokenizer.bos_id(), *ids], np.uint16) for ids in encoded], []
    tokens, counts = [], []
    for text in seen:
        found = tokenizer.encode(text, return_type="offset_mapping")
        tokens.append(np.array([tokenizer.bos_id(), *found["ids"]], np.uint16))
        counts.append(np.array([0, *caseops.piece_bytes([text[i:j] for i, j in found["offsets"]])]))
    return tokens, counts
