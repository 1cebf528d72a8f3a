"""Tokens leave the ledger for learning only after their losses are in it; everything else is refused."""

import ast
import inspect

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import ScoreOrderError
from pgolf.evals.learning_ledger import LearningLedger
from pgolf.evals.scored import Scored
from pgolf.evals.ttt_sgd import Learner
from tests.command import ROOT
from tests.recipes import quick

TOKENS = np.arange(100, 121, dtype=np.uint16)  # 20 targets


def ledger():
    return LearningLedger(TOKENS, np.ones(20, np.int16))


def after(*calls):
    book = ledger()
    for method, *arguments in calls:
        getattr(book, method)(*arguments)
    return book


def commit(start, count):
    return "commit", start, np.ones(count, np.float32)


@quick
@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_a_chunk_that_is_scored_comes_out_with_the_tokens_its_targets_follow(sizes):
    book, start = ledger(), 0
    for size in sizes:
        stop = min(start + size, 20)
        if start == stop:
            break
        book.commit(start, np.ones(stop - start, np.float32))
        scored = book.release(start, stop)
        assert scored.start == start
        assert scored.ids_N.tolist() == TOKENS[start:stop].tolist()
        assert scored.targets_N.tolist() == TOKENS[start + 1 : stop + 1].tolist()
        assert scored.ids_N.dtype == scored.targets_N.dtype == torch.int64
        start = stop


REFUSED = {
    "to learn from what nobody has scored": ([], ("release", 0, 4)),
    "to learn from a chunk whose last target is not scored": ([commit(0, 3)], ("release", 0, 4)),
    "to learn from a chunk whose first target is not scored": ([("skip_to", 1), commit(1, 3)], ("release", 0, 4)),
    "to learn from a chunk with a hole": ([commit(0, 2), ("skip_to", 3), commit(3, 3)], ("release", 0, 6)),
    "to read an unscored token before a scored chunk": ([("skip_to", 4), commit(4, 4)], ("release", 4, 8)),
    "to learn from the token after the last": ([commit(0, 20)], ("release", 0, 21)),
    "to learn from before the beginning": ([commit(0, 20)], ("release", -1, 4)),
    "to learn from nothing": ([commit(0, 20)], ("release", 4, 4)),
    "to score twice": ([commit(0, 4)], commit(0, 4)),
    "to score again what was learned from": ([commit(0, 4), ("release", 0, 4)], commit(0, 4)),
    "to go back": ([commit(0, 4)], ("skip_to", 2)),
    "to go back to what was learned from": ([commit(0, 4), ("release", 0, 4)], ("skip_to", 3)),
    "to score out of order": ([commit(0, 4)], commit(6, 2)),
    "to score outside the stream": ([("skip_to", 18)], commit(18, 3)),
    "to end with a target that nobody scored": ([commit(0, 19)], ("whole",)),
    "to end with a hole": ([commit(0, 4), ("skip_to", 5), commit(5, 15)], ("whole",)),
}


def test_there_are_sixteen_ways_to_misuse_the_ledger():
    assert len(REFUSED) == 16


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_it_is_refused(case):
    before, (method, *arguments) = case
    book = after(*before)
    with pytest.raises(ScoreOrderError):
        getattr(book, method)(*arguments)


def test_what_was_refused_for_being_early_is_given_out_once_it_is_scored():
    book = after(commit(0, 3))
    with pytest.raises(ScoreOrderError):
        book.release(0, 3 + 1)
    # The refused range is closed: a rank that asked too early cannot go on as if it had not.
    with pytest.raises(ScoreOrderError):
        book.commit(3, np.ones(1, np.float32))
    assert book.release(0, 3).targets_N.tolist() == TOKENS[1:4].tolist()


def test_a_chunk_may_be_learned_from_more_than_once():
    book = after(commit(0, 8), ("release", 0, 8))
    assert torch.equal(book.release(0, 8).ids_N, book.release(0, 8).ids_N)
    assert book.release(2, 5).start == 2


def test_the_whole_ledger_has_every_loss_where_it_was_committed():
    book, nats = ledger(), np.random.default_rng(0).random(20).astype(np.float32)
    for start in range(0, 20, 5):
        book.commit(start, nats[start : start + 5])
        book.release(start, start + 5)
    whole = book.whole()
    assert np.array_equal(whole.nats_N, nats)
    assert whole.totals()["tokens"] == whole.totals()["bytes"] == 20


def test_a_loss_that_is_not_a_number_counts_as_scored_and_stays():
    book = after(("commit", 0, np.full(20, np.nan, np.float32)))
    assert np.isnan(book.whole().totals()["val_loss"])


def calls(path):
    """Names of what a module calls, with the module's own name for it: scored.release, Scored."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_only_ledgers_make_what_may_be_learned_from():
    makers = {
        path.name
        for path in (ROOT / "pgolf").rglob("*.py")
        if {"Scored", "scored.Scored", "scored.release"} & set(calls(path))
    }
    assert "learning_ledger.py" in makers
    assert {name for name in makers if not name.endswith("_ledger.py")} == {"scored.py"}


def test_an_update_takes_what_was_scored_and_no_other_tokens():
    parameters = inspect.signature(Learner.update).parameters
    assert {name: p.annotation for name, p in parameters.items() if name != "self"} == {"scored": Scored, "rate": float}
