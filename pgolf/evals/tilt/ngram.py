"""Hints from counts: the token that followed most often when the last 8 to 16 tokens stood there before, and how surely.

    h_p, beta_p = the longest order (16, 14 .. 8) whose context was seen often enough with one clear successor;
    beta_p = base_beta * confidence, and agree_bonus more when the tables of words hint at the same token

Why     text repeats itself over longer distances than a window; a model of 16 MB cannot remember all of it
From    parameter-golf PR 1420, as PR 1514 ran it
Sees    tokens before p, however far back, and no other

The tables of words (kernel.py) raise nothing by themselves.
"""

# N tokens, V all that 16 bits can name
import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

from pgolf.core import run
from pgolf.core.errors import StageError
from pgolf.core.ranks import all_sum, device
from pgolf.data.bytes.pieces import byte_tables, load_tokenizer
from pgolf.evals.tilt.kernel import SOURCE

WORD_BITS = 20


def prepare(cfg):
    """(kernel, starts_word_V, boundary_V): the predictor, built by this machine's C compiler, and what it knows of pieces."""
    _, *tables = byte_tables(load_tokenizer(run.data_dir() / "tokenizers" / cfg.tokenizer, 1 << 16), 1 << 16)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "ngram.so")
        try:
            subprocess.run(
                ["cc", "-O3", "-shared", "-fPIC", "-x", "c", "-", "-o", library],
                input=SOURCE.encode(), capture_output=True, check=True,
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError) as error:
            raise StageError(
                f"the n-gram tilt could not compile its kernel ({error}). Install a C compiler, as cc."
            ) from None
        return ctypes.CDLL(str(library)).predict, *tables


def predict(cfg, predictor, tokens_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hints (N,) int32, -1 for none, and betas (N,) float64, for each token of the stream from those before it."""
    kernel, starts_word_V, boundary_V = predictor
    ids_N = tokens_N.astype(np.uint16)
    tables = np.zeros(((10 << cfg.table_bits) + (8 << WORD_BITS), 2), np.uint64)
    hints_N, betas_N = np.full(len(ids_N), -1, np.int32), np.zeros(len(ids_N))
    ids, starts_word, boundary, memory, hints, betas = (
        ctypes.c_void_p(array.ctypes.data) for array in (ids_N, starts_word_V, boundary_V, tables, hints_N, betas_N)
    )
    strengths = ctypes.c_double(cfg.base_beta), ctypes.c_double(cfg.agree_bonus)
    kernel(
        ids,
        ctypes.c_long(len(ids_N)),
        starts_word,
        boundary,
        memory,
        cfg.table_bits,
        WORD_BITS,
        *strengths,
        hints,
        betas,
    )
    return hints_N, betas_N


def hints(cfg, predictor, tokens_N: np.ndarray) -> list[torch.Tensor]:
    """What rank 0 predicts, on all ranks' devices."""
    found = (
        predict(cfg, predictor, tokens_N)
        if run.RANK == 0
        else (np.zeros(len(tokens_N), np.int32), np.zeros(len(tokens_N)))
    )
    return [all_sum(torch.from_numpy(array).to(device())) for array in found]
