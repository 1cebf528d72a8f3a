"""The ledger of an evaluation in any order: each test of refusal is named for the misuse it stops.

What two ranks do to each other is in tests/pgolf/core/test_two_processes.py.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import ScoreOrderError
from pgolf.evals.document_ledger import DocumentLedger
from tests.recipes import quick

SIZE = 10
TOKENS = np.arange(100, 101 + SIZE).astype(np.uint16)


def ledger():
    return DocumentLedger(TOKENS, np.full(SIZE, 2, np.int16))


def commit(book, *targets):
    return book.commit(np.array(targets), torch.tensor([float(target) for target in targets]))


@quick
@given(st.permutations(range(SIZE)), st.integers(1, SIZE))
def test_targets_scored_in_any_order_end_up_in_the_order_of_the_stream(order, size):
    book = ledger()
    for i in range(0, SIZE, size):
        commit(book, *order[i : i + size])
    whole = book.whole()
    assert whole.nats_N.tolist() == list(range(SIZE))
    assert [whole.totals()[name] for name in ("nats", "tokens", "bytes")] == [45.0, 10, 20]


def test_scoring_a_target_again_is_refused_and_changes_nothing():
    book = ledger()
    commit(book, 3, 4)
    for targets in [(4,), (5, 3), (4, 3)]:
        with pytest.raises(ScoreOrderError, match="twice"):
            book.commit(np.array(targets), torch.zeros(len(targets)))
    commit(book, 5)
    assert book.nats_N.tolist() == [0, 0, 0, 3, 4, 5, 0, 0, 0, 0]


def test_scoring_a_target_twice_at_once_to_keep_the_better_loss_is_refused():
    with pytest.raises(ScoreOrderError, match="twice"):
        commit(ledger(), 3, 4, 3)


@pytest.mark.parametrize("target", [-1, SIZE])
def test_scoring_what_is_no_target_is_refused(target):
    with pytest.raises(ScoreOrderError, match="none of 0"):
        commit(ledger(), 2, target)


def test_scoring_only_the_easy_targets_gives_no_totals():
    book = ledger()
    commit(book, *range(SIZE - 1))
    with pytest.raises(ScoreOrderError, match="1 of 10 targets were never scored"):
        book.whole()


@pytest.mark.parametrize("scored", [range(3, 5), range(2, 6), [2, 3, 5, 6]])
def test_learning_from_tokens_of_which_one_is_not_scored_is_refused(scored):
    book = ledger()
    commit(book, *scored)
    with pytest.raises(ScoreOrderError, match="to learn from"):
        book.release(2, 7)


@pytest.mark.parametrize(("start", "stop"), [(-2, 2), (4, 4), (5, 4), (8, SIZE + 1)])
def test_learning_from_what_is_no_range_of_targets_is_refused(start, stop):
    book = ledger()
    commit(book, *range(SIZE))
    with pytest.raises(ScoreOrderError):
        book.release(start, stop)


def test_scored_targets_come_with_the_token_before_each():
    book = ledger()
    commit(book, 6, 4, 5)
    start, ids, targets = book.release(4, 7)
    assert (start, ids.tolist(), targets.tolist()) == (4, [104, 105, 106], [105, 106, 107])


def test_what_may_be_learned_from_are_the_losses_that_were_committed():
    book = ledger()
    nats = torch.tensor([1.0, 2.0], requires_grad=True)
    given_back = book.commit(np.array([7, 1]), 3 * nats)
    given_back.sum().backward()
    assert nats.grad.tolist() == [3, 3]
    assert book.nats_N[[7, 1]].tolist() == [3, 6]
    assert not book.nats_N.requires_grad


def test_changing_losses_after_their_commit_changes_no_score():
    book = ledger()
    nats = torch.ones(SIZE)
    book.commit(np.arange(SIZE), nats).mul_(0)
    assert book.whole().totals()["nats"] == SIZE
