"""The tilt: a distribution whatever it is told, the identity without a hint, and one pass of the model for both."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.load import load
from pgolf.evals import ttt_sgd, ttt_sgd_tilt, windows
from pgolf.evals.tilt import ngram
from tests.golden.load import tensors
from tests.recipes import model_cfg, quick, random_model, tree

TTT = {"window": 8, "stride": 4, "batch_windows": 3, "epochs": 2, "lr": 0.05, "momentum": 0.9, "clip_norm": 1.0}
TILT = {"kind": "ngram", "tokenizer": "toy.model", "table_bits": 10, "base_beta": 2.0, "agree_bonus": 0.1}
VOCABULARY = 48


def cfg(**changes):
    return tree(**{"kind": "ttt_sgd_tilt", **TTT, "chunk_tokens": 16, "batch_sequences": 4, "tilt": TILT, **changes})


@pytest.fixture(autouse=True, scope="module")
def compiled_once(tmp_path_factory):
    """A tokenizer, and one compilation for all tests here."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "tokenizers").mkdir()
    (folder / "tokenizers" / "toy.model").write_bytes(tensors("tokenizer_bytes")["model"].numpy().tobytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(folder))
        predictor = ngram.prepare(cfg().tilt)
        patch.setattr(ngram, "prepare", lambda how: predictor)
        yield


def model(vocabulary=VOCABULARY):
    return random_model(model_cfg(layers=2, depth={"kind": "once"}, vocab_size=vocabulary))


def repeating(count, vocabulary=VOCABULARY):
    """Passages that come again, so that many tokens are hinted at."""
    return np.resize(np.random.default_rng(0).integers(0, vocabulary, 25), count).astype(np.uint16)


def losses(tokens, how, fresh=None):
    method = load("evals", how)
    scorer = method.prepare(how, fresh or model())
    return method.score(how, scorer, tokens, np.ones(len(tokens) - 1, np.int16)).nats_N


@quick
@given(st.integers(2, 60), st.floats(0, 30), st.integers(0, 2**32 - 1))
def test_tilted_probabilities_of_all_tokens_add_up_to_one(size, beta, seed):
    generator = torch.Generator().manual_seed(seed)
    nats = -torch.log_softmax(5 * torch.randn(size, generator=generator, dtype=torch.float64), 0)
    hint = int(torch.randint(size, (), generator=generator))
    tilted = ttt_sgd_tilt.tilted(nats, nats[hint], torch.arange(size) == hint, torch.tensor(beta, dtype=torch.float64))
    assert tilted.neg().exp().sum().item() == pytest.approx(1, abs=1e-12)
    gain = beta - math.log(1 + nats[hint].neg().exp().item() * math.expm1(beta))
    assert (nats - tilted)[hint].item() == pytest.approx(gain, abs=1e-9)


def test_without_a_hint_a_loss_is_the_same_to_the_bit():
    nats = torch.rand(1000) * 20
    tilted = ttt_sgd_tilt.tilted(
        nats, torch.rand(1000) * 20, torch.arange(1000) % 2 == 0, torch.zeros(1000, dtype=torch.float64)
    )
    assert torch.equal(tilted, nats.double())


def test_a_stream_without_hints_is_scored_as_without_the_tilt():
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 71).astype(np.uint16)
    assert (ngram.predict(cfg().tilt, ngram.prepare(cfg().tilt), tokens)[1] == 0).all()
    assert np.array_equal(losses(tokens, cfg()), losses(tokens, cfg(kind="ttt_sgd")))


def test_probabilities_of_the_tilted_model_add_up_to_one_at_a_thousand_positions():
    """All tokens of the vocabulary are tried as the target, with weights and counts as they are."""
    rows, length, beside = 25, 48, model()
    tokens = repeating(rows * length + 1)
    hints, betas = ngram.hints(cfg().tilt, ngram.prepare(cfg().tilt), tokens)
    forward = ttt_sgd_tilt.tilting(beside, lambda ids, targets: beside.hidden(ids)[:, -targets.size(1) :], hints, betas)
    at = torch.arange(rows * length).view(rows, length)
    ids = torch.stack([torch.from_numpy(tokens.astype(int))[at], at], -1)
    total = torch.zeros(rows, 40, dtype=torch.float64)
    with torch.no_grad():
        for candidate in range(VOCABULARY):
            places = at[:, -40:] + 1
            total += forward(ids, torch.stack([torch.full_like(places, candidate), places], -1)).neg().exp()
    assert total.numel() == 1000
    assert (betas[at[:, -40:] + 1] > 0).double().mean() > 0.5
    assert (total - 1).abs().max() < 1e-6


@pytest.mark.parametrize("last", [60, 66])
def test_the_whole_evaluation_gives_the_next_token_probabilities_that_add_up_to_one(last):
    """The same again from outside: streams that differ in their last token only, each scored from the beginning."""
    few = 12
    tokens = repeating(last + 1, few)
    total = 0.0
    for candidate in range(few):
        tokens[last] = candidate
        total += math.exp(-losses(tokens, cfg(), model(few))[-1])
    assert total == pytest.approx(1, abs=1e-6)


def test_a_token_changes_its_own_score_and_later_ones_and_no_earlier_bit():
    before = repeating(71)
    for place in (1, 15, 16, 17, 40, 70):
        after = before.copy()
        after[place:] = (after[place:] + 1) % VOCABULARY
        old, new = losses(before, cfg()), losses(after, cfg())
        assert np.array_equal(new[: place - 1], old[: place - 1])
        assert new[place - 1] != old[place - 1]


def test_what_is_learned_is_not_tilted():
    """Weights after the evaluation are those of the evaluation without the tilt; scores of hinted tokens are better."""
    tokens, with_tilt, without = repeating(120), model(), model()
    tilted, plain = losses(tokens, cfg(), with_tilt), losses(tokens, cfg(kind="ttt_sgd"), without)
    assert all(torch.equal(p, q) for p, q in zip(with_tilt.parameters(), without.parameters(), strict=True))
    assert tilted[60:].mean() < plain[60:].mean() - 0.3


def test_compiled_as_on_a_gpu_it_scores_the_same_with_the_graphs_made_before_the_clock(monkeypatch):
    tokens, made = repeating(71), []

    def compiled(function):
        def backend(graph, inputs):
            made.append(graph)
            return graph

        return torch.compile(function, backend=backend, dynamic=False, fullgraph=True)

    eager = losses(tokens, cfg(), model(256))
    for module in (ttt_sgd, windows):
        monkeypatch.setattr(module, "compiled", compiled)
    scorer = ttt_sgd_tilt.prepare(cfg(), model(256))
    ready = len(made)
    ledger = ttt_sgd_tilt.score(cfg(), scorer, tokens, np.ones(70, np.int16))
    assert ready == len(made) == 2
    np.testing.assert_allclose(ledger.nats_N, eager, rtol=0, atol=1e-4)


def test_each_method_has_a_label_of_its_own():
    assert ttt_sgd.label(cfg()) != ttt_sgd_tilt.label(cfg())
