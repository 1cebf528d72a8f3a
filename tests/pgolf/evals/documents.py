"""Streams of documents and small passes over them, for the tests of what adapts to documents."""

import numpy as np
import torch

from pgolf.evals import document_lora, phased_lora
from tests.recipes import loop, model_cfg, random_model, tree

BOS, VOCABULARY = 1, 48
MODEL = {"layers": 2, "width": 32, "vocab_size": VOCABULARY, "depth": loop(1, 1, 2)}


def stream(sizes, seed=0):
    """Documents with these numbers of targets: BOS, random tokens without BOS, and what begins a next one."""
    random = np.random.default_rng(seed)
    return np.concatenate(
        [np.append(BOS, random.integers(2, VOCABULARY, size - 1)) for size in sizes] + [[BOS]]
    ).astype(np.uint16)


def lora_cfg(**changes):
    fields = {
        "window": 12,
        "bos_token": BOS,
        "batch_documents": 3,
        "step_tokens": 4,
        "lanes": 2,
        "rank": 2,
        "alpha": 4.0,
        "warm_start": True,
        "lr": 0.01,
        "betas": [0.0, 0.99],
        "eps": 1e-10,
        "weight_decay": 0.5,
        "phases": 2,
        "prefix_documents": 8,
        "global_sgd": {"chunk_tokens": 24, "epochs": 1, "lr": 0.1, "momentum": 0.9, "clip_norm": 1.0},
    }
    return tree(**{**fields, **changes})


def model_of(**changes):
    model = random_model(model_cfg(**{**MODEL, **changes}))
    model.phase = len(model.orders) - 1
    return model


def scores(cfg, tokens, method=document_lora, model=None):
    """Nats of every target, in the order of the stream."""
    model = model or model_of()
    ledger = method.score(cfg, method.prepare(cfg, model), tokens, np.ones(len(tokens) - 1, np.int16))
    assert ledger.totals()["tokens"] == len(tokens) - 1
    return torch.from_numpy(ledger.nats_N)


def phased_scores(cfg, tokens, model=None):
    return scores(cfg, tokens, phased_lora, model)
