"""The n-gram predictor: the kernel against a plain model of it, and nothing but the past in a hint."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import StageError
from pgolf.evals.tilt import ngram
from tests.golden.load import tensors
from tests.pgolf.evals.tilt import reference
from tests.recipes import quick, tree

TOKENIZER = "toy.model"
KINDS = "within", "start", "boundary"


def cfg(bits=12):
    return tree(tokenizer=TOKENIZER, table_bits=bits, base_beta=2.0, agree_bonus=0.1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "tokenizers").mkdir()
    (folder / "tokenizers" / TOKENIZER).write_bytes(tensors("tokenizer_bytes")["model"].numpy().tobytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(folder))
        return ngram.prepare(cfg())


@st.composite
def streams(draw):
    """Tokens of few kinds, with passages that come again, and what each token is to a word."""
    size = draw(st.integers(2, 6))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=size, max_size=size))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tokens = random.integers(0, size, draw(st.integers(2, 60))).tolist()
    for _ in range(draw(st.integers(0, 8))):
        start = int(random.integers(len(tokens)))
        tokens += tokens[start : start + int(random.integers(1, 60))]
        tokens += random.integers(0, size, int(random.integers(0, 6))).tolist()
    return np.array(tokens, np.uint16), kinds


def predictor(prepared, kinds):
    """The kernel, told that tokens 0, 1 .. are of these kinds."""
    starts, boundary = np.zeros(1 << 16, bool), np.zeros(1 << 16, bool)
    starts[: len(kinds)] = [kind == "start" for kind in kinds]
    boundary[: len(kinds)] = [kind == "boundary" for kind in kinds]
    return prepared[0], starts, boundary


def compared(prepared, tokens, kinds, bits, monkeypatch):
    """What the kernel finds and what the plain model does."""
    tools = predictor(prepared, kinds)
    monkeypatch.setattr(ngram, "WORD_BITS", bits)
    hints, betas = ngram.predict(cfg(bits), tools, tokens)
    expected = reference.predict(tokens.tolist(), *tools[1:], bits, bits, 2.0, 0.1)
    return list(zip(hints.tolist(), betas.tolist(), strict=True)), expected


@quick
@given(stream=streams(), bits=st.sampled_from([4, 6, 12]))
def test_hints_and_strengths_are_those_of_the_plain_model_also_when_tables_overflow(prepared, stream, bits):
    with pytest.MonkeyPatch.context() as monkeypatch:
        found, expected = compared(prepared, *stream, bits, monkeypatch)
    assert found == expected


@pytest.mark.parametrize("seed", range(6))
def test_long_words_and_full_tables_are_those_of_the_plain_model(prepared, seed, monkeypatch):
    """A key's place in a full table decides whether it is kept, so here every bit of every hash counts."""
    tokens = np.random.default_rng(seed).integers(1, 20, 100)
    tokens[::40] = 0  # words of 40 and 20 tokens
    tokens = np.tile(tokens, 6).astype(np.uint16)
    found, expected = compared(prepared, tokens, ["start", *["within"] * 40], 6, monkeypatch)
    assert found == expected
    assert sum(beta > 0 for _, beta in found) > 100


def test_a_stream_that_repeats_is_hinted_at_with_and_without_the_bonus_for_agreement(prepared):
    """What the test above compares is there at all."""
    tokens = np.tile(np.random.default_rng(0).integers(0, 6, 60), 6).astype(np.uint16)
    tokens[np.random.default_rng(1).integers(0, 360, 12)] = 1
    _, betas = ngram.predict(
        cfg(), predictor(prepared, ["within", "within", "start", "boundary", "within", "start"]), tokens
    )
    strengths = {round(beta, 6) for beta in betas.tolist()}
    assert {0.0, 2.0, 2.1} < strengths
    assert min(beta for beta in strengths if beta) >= 1.0
    assert (betas > 0).mean() > 0.3


def altered(tokens, place, size):
    """The same stream up to `place`, other tokens from there on."""
    after = tokens.copy()
    after[place:] = (after[place:] + np.random.default_rng(place).integers(1, size, len(tokens) - place)) % size
    return after


@quick
@given(stream=streams(), share=st.floats(0, 1))
def test_a_hint_is_the_same_whatever_its_own_token_and_later_ones_are(prepared, stream, share):
    tokens, kinds = stream
    tools, place = predictor(prepared, kinds), int(share * (len(tokens) - 1))
    before = ngram.predict(cfg(), tools, tokens)
    after = ngram.predict(cfg(), tools, altered(tokens, place, len(kinds)))
    shorter = ngram.predict(cfg(), tools, tokens[: place + 1])
    for was, now, alone in zip(before, after, shorter, strict=True):
        assert np.array_equal(was[: place + 1], now[: place + 1])
        assert np.array_equal(was[: place + 1], alone)


def test_gates_that_look_at_the_token_itself_would_be_found_out(prepared):
    """The first version of PR 1420: which table speaks depended on the token to be predicted."""
    found = {leaky: 0 for leaky in (False, True)}
    for seed in range(40):
        random = np.random.default_rng(seed)
        tokens = np.tile(random.integers(0, 6, 30), 3)
        tools = predictor(prepared, random.choice(["within", "start", "within"], 6).tolist())[1:]
        place = int(random.integers(40, 90))
        for leaky in found:
            before, after = (
                reference.predict(stream.tolist(), *tools, 12, 12, 2.0, 0.1, leaky)[: place + 1]
                for stream in (tokens, altered(tokens, place, 6))
            )
            found[leaky] += before != after
    assert found[False] == 0
    assert found[True] >= 5


def test_words_begin_and_end_where_the_tokenizer_says(prepared):
    stored = tensors("tokenizer_bytes")
    _, starts, boundary = prepared
    known = len(stored["lut.is_boundary"])
    assert np.array_equal(starts[:known], stored["lut.has_leading_space"].numpy())
    assert np.array_equal(boundary[:known], stored["lut.is_boundary"].numpy())
    assert boundary[known:].all()


def test_all_ranks_get_what_rank_0_predicts(prepared, monkeypatch):
    tokens = np.tile(np.arange(20, dtype=np.uint16), 8)
    hints, betas = ngram.hints(cfg(), prepared, tokens)
    expected = ngram.predict(cfg(), prepared, tokens)
    assert np.array_equal(hints.numpy(), expected[0])
    assert np.array_equal(betas.numpy(), expected[1])
    assert hints[0] == -1
    assert (hints[-20:] == torch.from_numpy(tokens[-20:].astype(np.int32))).all()
    monkeypatch.setattr(ngram.run, "RANK", 1)
    assert not any(array.any() for array in ngram.hints(cfg(), None, tokens))


def test_a_machine_without_a_compiler_is_told_so(prepared, tmp_path, monkeypatch):
    (tmp_path / "tokenizers").mkdir()
    (tmp_path / "tokenizers" / TOKENIZER).write_bytes(tensors("tokenizer_bytes")["model"].numpy().tobytes())
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StageError, match="Install a C compiler"):
        ngram.prepare(cfg())
