"""Uniform and unigram against the same numbers, counted token by token."""

import math
import struct
from collections import Counter
from itertools import pairwise

import pytest
import sentencepiece

from pgolf.harness.datafiles import Files
from pgolf.harness.reference import references
from pgolf.harness.resolve import resolve
from tests.command import SMOKE

VOCAB, WINDOW = 1024, 128
TWO_SHARDS = resolve(SMOKE, ["data.train_shards=2"])


def tokens_of(path):
    data = path.read_bytes()
    return list(struct.unpack(f"<{(len(data) - 1024) // 2}H", data[1024:]))


def bytes_of(tokenizer, before, token):
    """Of a token after another: a space counts after text, not after a token that stands for no text."""
    if tokenizer.is_byte(token):
        return 1
    if tokenizer.is_control(token) or tokenizer.is_unknown(token):
        return 0
    text = tokenizer.id_to_piece(token)
    starts = tokenizer.is_control(before) or tokenizer.is_unknown(before)
    return len(text.replace("\u2581", "", 1 if starts and text[0] == "\u2581" else 0).replace("\u2581", " ").encode())


@pytest.fixture(scope="module")
def slow(demo_dir):
    """(targets, bytes of the targets, counts of training tokens)"""
    folder = demo_dir / "datasets" / "fineweb10B_demo1024"
    stream = tokens_of(folder / "fineweb_val_000000.bin")
    stream = stream[: (len(stream) - 1) // WINDOW * WINDOW + 1]
    path = demo_dir / "tokenizers" / "fineweb_demo1024_bpe.model"
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    size = sum(bytes_of(tokenizer, *pair) for pair in pairwise(stream))
    counts = Counter(tokens_of(folder / "fineweb_train_000000.bin") + tokens_of(folder / "fineweb_train_000001.bin"))
    return stream[1:], size, counts


@pytest.fixture(scope="module")
def found(demo_dir):
    return references(Files(TWO_SHARDS, demo_dir), VOCAB, WINDOW)


def test_uniform_gives_every_token_of_the_vocabulary_the_same_chance(found, slow):
    targets, size, _ = slow
    assert found["uniform_bpb"] == pytest.approx(len(targets) * 10 / size, rel=1e-12)


def test_unigram_gives_every_token_its_share_of_the_runs_own_training_shards_plus_one(found, slow):
    targets, size, counts = slow
    total = sum(counts.values()) + VOCAB
    bits = math.fsum(-math.log2((counts[token] + 1) / total) for token in targets)
    assert found["unigram_bpb"] == pytest.approx(bits / size, rel=1e-12)


def test_counting_tokens_is_worth_more_than_nothing(found):
    assert 2 < found["unigram_bpb"] < found["uniform_bpb"]


def test_a_wider_window_that_leaves_out_the_end_changes_only_what_is_scored(demo_dir, slow):
    whole = references(Files(TWO_SHARDS, demo_dir), VOCAB, len(slow[0]))
    assert whole["uniform_bpb"] == pytest.approx(len(slow[0]) * 10 / slow[1], rel=1e-12)


def test_with_a_side_car_the_bytes_are_those_of_its_entries(caseops_dir):
    caseops = [
        "data.variant=democaseops1024",
        "data.tokenizer=fineweb_democaseops1024_bpe.model",
        "data.train_shards=2",
    ]
    recipe = resolve(SMOKE, ["data.bytes={kind: sidecar}", *caseops])
    folder = caseops_dir / "datasets" / "fineweb10B_democaseops1024"
    sizes = tokens_of(folder / "fineweb_val_bytes_000000.bin")
    targets = (len(sizes) - 1) // WINDOW * WINDOW
    found = references(Files(recipe, caseops_dir), VOCAB, WINDOW)
    assert found["uniform_bpb"] == pytest.approx(targets * 10 / sum(sizes[1 : targets + 1]), rel=1e-12)
