"""Adapters that learn a document while it is scored: what a score may depend on, and what it is."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgolf.evals.document_lora import Pass, prepare
from pgolf.evals.document_queue import documents
from pgolf.evals.lora import Adapters, attached
from tests.pgolf.evals.documents import BOS, VOCABULARY, lora_cfg, model_of, scores, stream
from tests.recipes import ONCE, quick, stand_for

SIZES = [9, 23, 5, 1, 16, 12, 4, 8]
ALL = {"batch_documents": len(SIZES)}
BORDERS = np.cumsum([0, *SIZES])


def spans(tokens_or_losses):
    return [tokens_or_losses[start:stop] for start, stop in pairwise(BORDERS)]


def other_tokens(tokens, start, stop):
    """The same stream with other tokens start .. stop - 1, none of them BOS."""
    tokens = tokens.copy()
    tokens[start:stop] = 2 + (tokens[start:stop] - 2 + 5) % (VOCABULARY - 2)
    return tokens


@settings(quick, max_examples=20)
@given(
    st.lists(st.sampled_from([BOS, 2, 3, 3, 4, 4]), min_size=2, max_size=60),
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(0, 6),
    st.integers(1, 3),
)
def test_every_target_of_any_stream_is_scored_once(ids, batch, step, longer, lanes):
    cfg = lora_cfg(batch_documents=batch, step_tokens=step, window=step + longer, lanes=lanes)
    found = scores(cfg, np.array(ids, np.uint16), model=model_of(layers=1, depth=ONCE))
    assert found.min() > 0


def alone(cfg, model, a, tokens):
    """Losses and last A of one document, chunk by chunk as one would write it down: no batch, no padding."""
    ids = torch.from_numpy(tokens.astype(np.int64))
    adapters = Adapters(model, cfg.rank, cfg.alpha)
    adapters.begin(1, torch.Generator(), a)
    optimizer = torch.optim.AdamW(adapters.factors, cfg.lr, tuple(cfg.betas), cfg.eps, cfg.weight_decay)
    losses = []
    with attached(model, adapters):
        for first in range(0, len(ids) - 1, cfg.step_tokens):
            stop = min(first + cfg.step_tokens, len(ids) - 1)
            begin = max(0, stop - cfg.window)
            optimizer.zero_grad()
            nats = model(ids[None, begin:stop], ids[None, first + 1 : stop + 1])[0]
            losses.append(nats.detach())
            if stop < len(ids) - 1:
                nats.mean().backward()
                optimizer.step()
    return torch.cat(losses), adapters.to_keep()


def test_each_document_of_a_batch_is_scored_as_if_it_were_alone():
    cfg, tokens, model = lora_cfg(**ALL), stream(SIZES), model_of()
    found = spans(scores(cfg, tokens, model=model))
    first = Adapters(model, cfg.rank, cfg.alpha)
    first.begin(len(SIZES), torch.Generator().manual_seed(0))
    order = np.argsort(SIZES, kind="stable").tolist()
    for number, (start, stop) in enumerate(pairwise(BORDERS)):
        row = order.index(number)
        a = [factor[row : row + 1].clone() for factor in first.to_keep()]
        expected, _ = alone(cfg, model, a, tokens[start : stop + 1])
        torch.testing.assert_close(found[number], expected, rtol=0, atol=1e-4)


def test_what_a_lane_keeps_has_not_learned_from_the_last_chunk():
    cfg, tokens, model = lora_cfg(batch_documents=1, lanes=1), stream([12]), model_of()
    work = Pass(cfg, prepare(cfg, model), tokens, np.ones(12, np.int16))
    first = Adapters(model, cfg.rank, cfg.alpha)
    first.begin(1, torch.Generator().manual_seed(0))
    _, expected = alone(cfg, model, first.to_keep(), tokens)
    work.read(0, 1)
    for kept, factor in zip(work.kept[0], expected, strict=True):
        torch.testing.assert_close(kept, factor, rtol=0, atol=1e-5)


def test_the_first_chunk_of_a_document_is_scored_as_the_plain_model_scores_it():
    cfg, tokens, model = lora_cfg(), stream(SIZES), model_of()
    found = spans(scores(cfg, tokens, model=model))
    for losses, start in zip(found, BORDERS, strict=False):
        ids = torch.from_numpy(tokens[None, start : start + len(losses[:4]) + 1].astype(np.int64))
        torch.testing.assert_close(losses[:4], model(ids[:, :-1], ids[:, 1:])[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("number", [1, 4, 5])
def test_no_bit_of_a_documents_scores_depends_on_another_of_its_batch(number):
    tokens = stream(SIZES)
    before = spans(scores(lora_cfg(**ALL), tokens))
    after = spans(scores(lora_cfg(**ALL), other_tokens(tokens, BORDERS[number] + 1, BORDERS[number + 1])))
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [other != number for other in range(len(SIZES))]


@pytest.mark.parametrize("chunk", range(5))
def test_tokens_after_a_chunk_change_no_bit_of_the_scores_up_to_it(chunk):
    """Document 1 has chunks of 4 targets; the last target of a chunk is the token at its end."""
    tokens, end = stream(SIZES), 4 * (chunk + 1)
    before = spans(scores(lora_cfg(), tokens))[1]
    after = spans(scores(lora_cfg(), other_tokens(tokens, BORDERS[1] + end + 1, BORDERS[2])))[1]
    assert torch.equal(before[:end], after[:end])
    assert (before[end:] != after[end:]).any()


def test_a_chunk_reaches_all_later_scores_through_the_adapters_and_none_before():
    """The window holds 12 tokens, so from 4 + 12 on a change of the first chunk is seen through adapters alone."""
    tokens = stream(SIZES)
    before = spans(scores(lora_cfg(), tokens))[1]
    after = spans(scores(lora_cfg(), other_tokens(tokens, BORDERS[1] + 1, BORDERS[1] + 4)))[1]
    assert (before[16:] - after[16:]).abs().min() > 1e-6


def test_a_document_that_repeats_itself_is_learned():
    """A window of one chunk sees nothing of the repetition: only adapters can tell."""
    once = stream([4])[:-1]
    tokens = np.append(np.tile(once, 12), BOS).astype(np.uint16)
    tokens[1:-1][tokens[1:-1] == BOS] = 7
    cfg = lora_cfg(window=4)
    chunks = scores(cfg, tokens).view(12, 4)
    assert chunks[-1].mean() < chunks[1].mean() - 0.5


def test_without_a_warm_start_no_bit_of_a_score_depends_on_another_document():
    tokens = stream(SIZES)
    changed = other_tokens(tokens, BORDERS[1] + 1, BORDERS[2])
    for warm_start in (False, True):
        cfg = lora_cfg(batch_documents=1, lanes=1, warm_start=warm_start)
        before, after = spans(scores(cfg, tokens)), spans(scores(cfg, changed))
        same = [torch.equal(a[4:], b[4:]) for a, b in zip(before, after, strict=True)]
        # Documents of one chunk are scored before any adapter counts.
        assert same == [number != 1 if not warm_start else size <= 4 for number, size in enumerate(SIZES)]


def test_a_changed_document_changes_no_score_of_what_was_read_before():
    """The longest come first. Document 0 has 9 targets, so two steps, of which the second moves A."""
    tokens, cfg = stream(SIZES), lora_cfg(batch_documents=1, lanes=1)
    before = spans(scores(cfg, tokens))
    after = spans(scores(cfg, other_tokens(tokens, BORDERS[0] + 1, BORDERS[1])))
    assert [torch.equal(before[number], after[number]) for number in (1, 4, 5)] == [True] * 3
    assert not torch.equal(before[7][4:], after[7][4:])


def test_scores_do_not_depend_on_how_many_processes_share_the_lanes(monkeypatch):
    """Each rank reads the batches of its lanes, and all ranks together every batch."""
    tokens, cfg = stream(SIZES * 3), lora_cfg(lanes=3)
    model = model_of()
    whole = scores(cfg, tokens, model=model)
    parts = []
    for rank in range(2):
        stand_for(monkeypatch, rank, 2)
        work = Pass(cfg, prepare(cfg, model), tokens, np.ones(len(tokens) - 1, np.int16))
        work.read(0, len(work.queue))
        parts.append(work.ledger)
    assert not (parts[0].own_N & parts[1].own_N).any()
    assert (parts[0].own_N | parts[1].own_N).all()
    assert torch.equal(parts[0].nats_N + parts[1].nats_N, whole)


def test_the_model_is_as_it_was():
    model = model_of()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    scores(lora_cfg(), stream(SIZES), model=model)
    assert all(torch.equal(p, old) and p.grad is None for p, old in zip(model.parameters(), before, strict=True))


def test_a_stream_without_any_bos_is_one_document():
    begin, size = documents(np.full(9, 5, np.uint16), BOS)
    assert (begin.tolist(), size.tolist()) == ([0], [8])
