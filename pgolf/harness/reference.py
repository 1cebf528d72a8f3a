"""Two predictors that need no training, to say what a score is worth: uniform, and how often each token occurs."""

import math

import numpy as np

from pgolf.data.bytes import sidecar
from pgolf.data.bytes.pieces import byte_tables, load_tokenizer, target_bytes
from pgolf.data.shards import open_shard, validation_tokens
from pgolf.harness.datafiles import Files


def references(files: Files, vocab_size: int, window: int) -> dict[str, float]:
    """bpb of the uniform and of the unigram predictor (training counts, add-one) on the scored validation targets."""
    tokens_N = validation_tokens(files.folder, window)
    if files.sidecars:
        bytes_N = sidecar.read(files.folder, tokens_N)
    else:
        tables = byte_tables(load_tokenizer(files.tokenizer, vocab_size), vocab_size)
        bytes_N = target_bytes(tables, tokens_N)
    total_bytes = int(bytes_N.sum(dtype=np.int64))
    counts_V = np.ones(vocab_size, np.int64)
    for path in files.splits["train"]:
        counts_V += np.bincount(open_shard(path), minlength=vocab_size)
    nats_V = -np.log(counts_V / counts_V.sum())
    targets = len(tokens_N) - 1
    return {
        "uniform_bpb": targets * math.log(vocab_size) / math.log(2) / total_bytes,
        "unigram_bpb": float(nats_V[tokens_N[1:]].sum()) / math.log(2) / total_bytes,
    }
