"""How many bytes of text a token stands for: the denominator of bits per byte.

    bytes(y after p) = base[y] + (leading_space[y] and not boundary[p])

A piece that begins with U+2581 stands for a space, counted only after a token that is not a boundary (control, unknown,
unused), so a document's first piece does not pay for the space that no text has.
From    openai/parameter-golf, baseline script and issue 897 (U+2581 must be a piece of its own)
"""

from pathlib import Path

import numpy as np
import sentencepiece

from pgolf.core import run
from pgolf.core.errors import DataError

SPACE = "\u2581"


def load_tokenizer(path: Path, vocab_size: int) -> sentencepiece.SentencePieceProcessor:
    try:
        tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError):
        raise DataError(f"{path}: no SentencePiece model there. Fetch the data again, or set DATA_DIR.") from None
    pieces, space = tokenizer.vocab_size(), tokenizer.piece_to_id(SPACE)
    if pieces > vocab_size or space == tokenizer.unk_id():
        raise DataError(
            f"{path}: {pieces} pieces, U+2581 is number {space}; allowed: at most model.vocab_size = {vocab_size} pieces, "
            "U+2581 a piece of its own, or bytes are counted wrong."
        )
    return tokenizer


def byte_tables(tokenizer, vocab_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """base (V,) int16, leading_space (V,) bool, boundary (V,) bool, for ids 0..vocab_size-1."""
    base_V = np.zeros(vocab_size, np.int16)
    leading_space_V = np.zeros(vocab_size, bool)
    boundary_V = np.ones(vocab_size, bool)
    for token in range(tokenizer.vocab_size()):
        if tokenizer.is_control(token) or tokenizer.is_unknown(token) or tokenizer.is_unused(token):
            continue
        boundary_V[token] = False
        if tokenizer.is_byte(token):
            base_V[token] = 1
            continue
        piece = tokenizer.id_to_piece(token)
        leading_space_V[token] = piece.startswith(SPACE)
        base_V[token] = len(piece.removeprefix(SPACE).encode())
    return base_V, leading_space_V, boundary_V


def target_bytes(tables, tokens_N: np.ndarray) -> np.ndarray:
    """Bytes (N - 1,) int16 of every target tokens_N[1:], each after the token before it."""
    base_V, leading_space_V, boundary_V = tables
    before, after = tokens_N[:-1], tokens_N[1:]
    return base_V[after] + (leading_space_V[after] & ~boundary_V[before])


def count(cfg, tokens_N: np.ndarray) -> np.ndarray:
    """Bytes (N - 1,) of every target, by the recipe's tokenizer."""
    size = cfg.model.vocab_size
    return target_bytes(byte_tables(load_tokenizer(run.tokenizer(cfg), size), size), tokens_N)
