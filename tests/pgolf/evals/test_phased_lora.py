"""Pauses in which the weights learn from scored documents: what they learn from, when, and how."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from pgolf.core.errors import ScoreOrderError
from pgolf.data.documents import segments
from pgolf.evals.document_lora import Pass, prepare
from pgolf.evals.phased_lora import learn, pauses
from pgolf.evals.scored import Scored
from tests.pgolf.evals.documents import BOS, lora_cfg, model_of, phased_scores, scores, stream
from tests.recipes import attention, rope

SIZES = [40, 38, 36, 34, 32, 30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 3]
BORDERS = np.cumsum([0, *SIZES])
CFG = lora_cfg()
# The longest two are read first, then three at a time. How many are read, and which of these learned from:
FIRST, SECOND = (range(8), range(4, 8)), (range(14), range(6, 14))
SEGMENTED = attention(kind="gqa_documents", rope=rope(train_tokens=None), max_tokens=CFG.window)


def altered(tokens, documents):
    """Other tokens in these documents, none of them BOS."""
    tokens = tokens.copy()
    for number in documents:
        inner = tokens[BORDERS[number] + 1 : BORDERS[number + 1]]
        inner[:] = 2 + (inner + 3) % 46
    return tokens


class Run:
    """The losses of a run, and its weights at the end."""

    def __init__(self, tokens):
        model = model_of()
        self.losses = phased_scores(CFG, tokens, model)
        self.weights = torch.cat([p.detach().flatten() for p in model.parameters()])

    def of(self, documents):
        return torch.cat([self.losses[BORDERS[number] : BORDERS[number + 1]] for number in documents])


@pytest.fixture(scope="module")
def usual():
    return Run(stream(SIZES))


def test_there_are_two_pauses_with_documents_before_between_and_after():
    batches = [2] + [3] * 6
    found = [(sum(batches[:stop]), count) for stop, count in pauses(CFG, batches)]
    assert found == [(len(read), len(learned)) for read, learned in (FIRST, SECOND)] == [(8, 4), (14, 8)]


def test_scores_are_as_without_pauses_up_to_the_first_and_then_others(usual):
    plain = scores(CFG, stream(SIZES), model=model_of())
    border = BORDERS[len(FIRST[0])]
    assert torch.equal(usual.losses[:border], plain[:border])
    assert (usual.losses[border:] != plain[border:]).float().mean() > 0.99


@pytest.mark.parametrize(("changed", "untouched"), [([17, 19], 17), ([11, 12], 8), ([9, 13], 8)])
def test_what_is_read_after_a_pause_changes_no_bit_of_what_was_read_before_it(usual, changed, untouched):
    other = Run(altered(stream(SIZES), changed))
    before = [number for number in range(untouched) if number not in changed]
    assert torch.equal(usual.of(before), other.of(before))
    assert not torch.equal(usual.of(changed), other.of(changed))


@pytest.mark.parametrize("changed", [[14, 15, 16, 17, 18, 19], [0, 1, 2, 3]])
def test_documents_read_after_the_pauses_and_those_too_long_change_no_bit_of_the_weights(usual, changed):
    other = Run(altered(stream(SIZES), changed))
    assert torch.equal(usual.weights, other.weights)
    assert not torch.equal(usual.of(changed), other.of(changed))


def test_after_a_pause_all_adapters_begin_anew(usual):
    """Documents 0 to 3 move what later ones begin with, as long as that is kept, but no weights."""
    tokens, border = stream(SIZES), BORDERS[len(FIRST[0])]
    changed = altered(tokens, range(4))
    assert not torch.equal(*(scores(CFG, one)[border:] for one in (tokens, changed)))
    assert torch.equal(usual.losses[border:], Run(changed).losses[border:])


@pytest.mark.parametrize("number", [FIRST[1][0], FIRST[1][-1], SECOND[1][-1]])
def test_a_document_that_is_learned_from_changes_all_scores_after_the_pause(usual, number):
    other = Run(altered(stream(SIZES), [number]))
    assert not torch.equal(usual.weights, other.weights)
    assert (usual.of(range(14, 20)) != other.of(range(14, 20))).float().mean() > 0.9


def test_learning_from_a_document_that_is_still_to_be_read_is_refused():
    tokens = stream(SIZES)
    work = Pass(CFG, prepare(CFG, model_of()), tokens, np.ones(len(tokens) - 1, np.int16))
    work.read(0, 2)
    work.ledger.meet()
    assert work.ledger.release(BORDERS[4], BORDERS[5]).targets_N[-1] == BOS
    with pytest.raises(ScoreOrderError, match="to learn from"):
        work.ledger.release(BORDERS[5], BORDERS[6])


def of_documents(tokens, numbers):
    ids = torch.from_numpy(tokens.astype(np.int64))
    return [
        Scored(BORDERS[n], ids[BORDERS[n] : BORDERS[n + 1]], ids[BORDERS[n] + 1 : BORDERS[n + 1] + 1]) for n in numbers
    ]


def expected_weights(cfg, model, tokens, steps):
    """The epoch as one would write it down: each segment by itself, SGD with momentum by its formula."""
    how, piece = cfg.global_sgd, cfg.global_sgd.chunk_tokens // cfg.lanes
    buffers = [torch.zeros_like(p) for p in model.parameters()]
    for step in range(steps):
        for _ in range(how.epochs):
            total = torch.zeros(())
            for at in range(step * how.chunk_tokens, (step + 1) * how.chunk_tokens, piece):
                ids, targets = tokens[at : at + piece], tokens[at + 1 : at + piece + 1]
                borders = sorted({*segments(ids.numpy(), BOS, cfg.window).tolist()})
                total = total + sum(model(ids[None, a:b], targets[None, a:b]).sum() for a, b in pairwise(borders))
            gradients = torch.autograd.grad(total / how.chunk_tokens, list(model.parameters()))
            norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
            lr = how.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            with torch.no_grad():
                for p, gradient, buffer in zip(model.parameters(), gradients, buffers, strict=True):
                    buffer.mul_(how.momentum).add_(gradient * min(1, how.clip_norm / norm))
                    p.sub_(lr * buffer)
    return list(model.parameters())


@pytest.mark.parametrize("changes", [{}, {"epochs": 2}, {"clip_norm": 0.2}], ids=str)
def test_the_weights_take_steps_of_clipped_sgd_with_momentum_on_whole_chunks(changes):
    cfg = lora_cfg(global_sgd={**vars(CFG.global_sgd), **changes})
    scored = of_documents(stream(SIZES), range(19, 12, -1))
    joined = torch.cat([torch.cat([one.ids_N, one.targets_N[-1:]]) for one in scored])
    assert len(joined) == 3 + 4 + 6 + 8 + 10 + 12 + 14 + 7
    model, twin = model_of(attention=SEGMENTED), model_of(attention=SEGMENTED)
    assert learn(cfg, model, scored) == 2
    for found, expected in zip(model.parameters(), expected_weights(cfg, twin, joined, 2), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
        assert not found.requires_grad
        assert found.grad is None


@pytest.mark.parametrize(("numbers", "steps"), [([19], 0), ([10, 19], 0), ([9, 19], 1), ([11, 8], 1), ([8, 8], 2)])
def test_the_last_chunk_is_left_out(numbers, steps):
    """K = ceil(targets of the joined stream / 24): 3, 24, 26, 43 and 49 of them."""
    assert learn(CFG, model_of(), of_documents(stream(SIZES), numbers)) == steps
