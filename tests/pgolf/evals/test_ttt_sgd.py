"""Score-first test-time training: against the published one, and what makes it legal."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pgolf.data.bytes.pieces import target_bytes
from pgolf.evals import sliding, ttt_sgd, windows
from pgolf.evals.learning_ledger import LearningLedger
from pgolf.evals.windows import score_plan
from tests.golden.load import assert_close, assert_within, below, settings, tensors, tolerance
from tests.recipes import (
    build_model,
    by_published_name,
    fill,
    model_cfg,
    published_model_cfg,
    quick,
    random_model,
    tree,
)

FILE = "legal_ttt"
S = settings(FILE)
PHASES = ["plain", "loop"]


def ttt(**changes):
    fields = {
        "kind": "ttt_sgd",
        "window": 8,
        "stride": 4,
        "batch_windows": 3,
        "chunk_tokens": 16,
        "epochs": 2,
        "lr": 0.05,
        "momentum": 0.9,
        "clip_norm": 1.0,
        "batch_sequences": 32,
    }
    return tree(**{**fields, **changes})


def published(epochs=S.ttt_epochs):
    return ttt(
        window=S.eval_seq_len,
        stride=S.eval_stride,
        batch_windows=S.ttt_batch_seqs,
        chunk_tokens=S.ttt_chunk_tokens,
        epochs=epochs,
        lr=S.ttt_lr,
        momentum=S.ttt_momentum,
        clip_norm=S.ttt_grad_clip,
        batch_sequences=S.ttt_batch_seqs,
    )


def tiny(phase):
    model = fill(
        build_model(published_model_cfg(settings("gpt_sp8192_tiny"))), below("state", tensors("gpt_sp8192_tiny"))
    )
    model.phase = PHASES.index(phase)
    return model


def stream():
    stored = tensors("evaluation")
    tables = [stored[f"lut.{name}"].numpy() for name in ("base_bytes", "has_leading_space", "is_boundary")]
    tokens = stored["tokens"].numpy()
    return tokens, target_bytes(tables, tokens)


def scored(cfg, model, tokens, bytes_N=None):
    bytes_N = np.ones(len(tokens) - 1, np.int16) if bytes_N is None else bytes_N
    return ttt_sgd.score(cfg, ttt_sgd.prepare(cfg, model), tokens, bytes_N)


@pytest.fixture(scope="module", params=PHASES)
def run(request):
    """Phase, totals, model after it, how far each parameter went, and a row for every optimizer step."""
    model = tiny(request.param)
    before = {name: p.detach().clone() for name, p in by_published_name(model, S.param_order).items()}
    losses, steps = [], []
    model.register_forward_hook(
        lambda module, inputs, nats: losses.append(nats.mean().item()) if nats.requires_grad else None
    )

    def record(optimizer, args, kwargs):
        norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm().item()
        steps.append([optimizer.param_groups[0]["lr"], losses[-1], norm])

    handle = register_optimizer_step_pre_hook(record)
    try:
        totals = scored(published(), model, *stream()).totals()
    finally:
        handle.remove()
    after = by_published_name(model, S.param_order)
    moved = [(after[name].detach() - before[name]).norm() for name in S.param_order]
    return request.param, totals, model, torch.stack(moved), torch.tensor(steps, dtype=torch.float64)


def test_scores_are_the_published_ones(run):
    phase, totals, *_ = run
    expected = tensors(FILE)[f"{phase}.result"]
    assert S.result_columns == ["val_loss", "val_bpb", "loss_sum", "token_count", "byte_count"]
    assert [totals["tokens"], totals["bytes"]] == expected[3:].tolist()
    assert_within(torch.tensor([totals["val_loss"], totals["val_bpb"]]), expected[:2], **tolerance(FILE, "result"))


def test_every_optimizer_step_is_the_published_one(run):
    phase, _, _, _, steps = run
    expected = tensors(FILE)[f"{phase}.steps"]
    assert S.step_columns[2:5] == ["lr", "training loss", "gradient norm after clipping"]
    assert len(expected) == 14
    assert torch.equal(steps[:, 0], expected[:, 2])
    allowed = tolerance(FILE, "steps")
    assert_within(steps[:, 1], expected[:, 3], atol=allowed["atol"])
    assert_within(steps[:, 2], expected[:, 4], rtol=allowed["rtol"])


def test_weights_go_where_the_published_ones_go(run):
    phase, _, model, moved, _ = run
    stored = tensors(FILE)
    assert_close(moved, stored[f"{phase}.param_change_norm"], FILE, "param_change_norm")
    after = below(f"{phase}.after", stored)
    assert len(after) == 2
    for name, parameter in by_published_name(model, S.param_order).items():
        if name in after:
            assert_close(parameter, after[name], FILE, "after")


def test_without_epochs_the_score_is_the_published_one_and_no_weight_changes():
    model = tiny("plain")
    before = [p.detach().clone() for p in model.parameters()]
    totals = scored(published(epochs=0), model, *stream()).totals()
    assert_within(
        torch.tensor([totals["val_loss"], totals["val_bpb"]]),
        tensors(FILE)["plain.no_training"],
        **tolerance(FILE, "result"),
    )
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def learned(tokens, **changes):
    """Losses of the stream by a model that learns from it, and the model."""
    model = random_model(model_cfg(layers=2, depth={"kind": "once"}))
    return scored(ttt(**changes), model, tokens).nats_N, model


def some_tokens(count, seed=0):
    return np.random.default_rng(seed).integers(0, 48, count).astype(np.uint16)


@quick
@given(st.integers(1, 70), st.integers(1, 47))
def test_a_token_changes_its_own_score_and_later_ones_and_no_earlier_bit(place, shift):
    before = some_tokens(71)
    after = before.copy()
    after[place] = (after[place] + shift) % 48
    after[place + 1 :] = some_tokens(70 - place, seed=shift)
    old, new = learned(before)[0], learned(after)[0]
    assert np.array_equal(new[: place - 1], old[: place - 1])
    assert new[place - 1] != old[place - 1]


def test_the_first_chunks_have_the_same_scores_to_the_bit_when_the_last_is_cut_short_or_not_there():
    tokens = some_tokens(71)
    whole = learned(tokens)[0]
    assert np.array_equal(learned(tokens[:69])[0][:64], whole[:64])
    # The learning rate depends on the number of chunks, so with fewer of them only what no update precedes is the same.
    assert np.array_equal(learned(tokens[:17])[0], whole[:16])
    assert not np.array_equal(learned(tokens[:65])[0][16:64], whole[16:64])


def test_learning_from_a_chunk_changes_the_scores_of_the_next():
    tokens = some_tokens(71)
    still = learned(tokens, epochs=0)[0]
    moved = learned(tokens)[0]
    assert np.array_equal(moved[:16], still[:16])
    assert (moved[16:] != still[16:]).mean() > 0.9


def test_a_stream_that_repeats_itself_is_learned():
    tokens = np.tile(some_tokens(16), 12)
    still, moved = (learned(tokens, epochs=epochs)[0] for epochs in (0, 2))
    assert moved[-16:].mean() < still[-16:].mean() - 0.5


def test_without_epochs_every_bit_is_that_of_sliding_windows():
    cfg, tokens = ttt(epochs=0, batch_windows=1), some_tokens(71)
    losses, model = learned(tokens, epochs=0, batch_windows=1)
    assert np.array_equal(losses, score_plan(model, tokens, np.ones(70, np.int16), sliding.plan(cfg, 70), 8, 1).nats_N)


def test_the_last_chunk_is_never_learned_from_even_when_it_is_whole():
    losses, model = learned(some_tokens(17))
    fresh = learned(some_tokens(17), epochs=0)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), fresh[1].parameters(), strict=True))
    assert np.array_equal(losses, fresh[0])


@pytest.mark.parametrize("batch_sequences", [1, 2])
def test_a_chunk_of_two_sequences_is_one_step_or_two(batch_sequences):
    steps = []
    handle = register_optimizer_step_pre_hook(lambda *call: steps.append(1))
    learned(some_tokens(33), batch_sequences=batch_sequences, epochs=3)
    handle.remove()
    assert len(steps) == 3 * 2 // batch_sequences


def test_getting_ready_changes_no_weight():
    model = random_model(model_cfg())
    before = [p.detach().clone() for p in model.parameters()]
    learner = ttt_sgd.Learner(ttt(), model)
    learner.gradients(torch.randint(48, (2, 8)), torch.randint(48, (2, 8)))
    ttt_sgd.prepare(ttt(), model)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_a_chunk_is_learned_from_after_all_of_it_is_scored_and_before_the_next(monkeypatch):
    order = []

    class Noting(LearningLedger):
        def commit(self, start, nats_L):
            order.append(f"scored to {start + len(nats_L)}")
            super().commit(start, nats_L)

        def release(self, start, stop):
            order.append(f"learns {start}..{stop}")
            return super().release(start, stop)

    monkeypatch.setattr(ttt_sgd, "LearningLedger", Noting)
    learned(some_tokens(40))
    assert order == ["scored to 16", "learns 0..16", "scored to 32", "learns 16..32", "scored to 39"]


def test_compiled_as_on_a_gpu_it_gets_ready_without_a_trace_and_scores_the_same(monkeypatch):
    """One graph for scoring and one for learning, made before the clock; in it only what is short of a full batch is new."""
    tokens, model, other = (
        some_tokens(71),
        *(random_model(model_cfg(vocab_size=256, layers=2, depth={"kind": "once"})) for _ in range(2)),
    )
    eager = scored(ttt(), other, tokens).nats_N
    made = []

    def compiled(function):
        def backend(graph, inputs):
            made.append(graph)
            return graph

        return torch.compile(function, backend=backend, dynamic=False, fullgraph=True)

    for module in (ttt_sgd, windows):
        monkeypatch.setattr(module, "compiled", compiled)
    before = [p.detach().clone() for p in model.parameters()]
    scorer = ttt_sgd.prepare(ttt(), model)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    ready = len(made)
    ledger = ttt_sgd.score(ttt(), scorer, tokens, np.ones(70, np.int16))
    assert ready == len(made) == 2
    np.testing.assert_allclose(ledger.nats_N, eager, rtol=0, atol=1e-4)
