import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import ScoreOrderError
from pgolf.evals.ledger import Ledger
from tests.recipes import quick

BYTES = np.arange(100, dtype=np.int16)


def ledger(start=10, stop=20):
    return Ledger(start, stop, BYTES)


def nats(count):
    return np.ones(count, np.float32)


@quick
@given(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 50), st.integers(0, 99))
def test_what_is_committed_piece_by_piece_is_what_is_counted(pieces, start, seed):
    values = np.random.default_rng(seed).random(sum(pieces), np.float32) if sum(pieces) else np.zeros(0, np.float32)
    book, at = Ledger(start, start + len(values), BYTES), 0
    for count in pieces:
        book.commit(start + at, values[at : at + count])
        at += count
    assert np.array_equal(book.nats_N, values)
    if len(values):
        totals = book.totals()
        assert totals["tokens"] == len(values)
        assert totals["bytes"] == sum(range(start, start + len(values)))
        assert totals["nats"] == pytest.approx(math.fsum(values.tolist()), abs=1e-9)
        assert totals["val_loss"] == pytest.approx(totals["nats"] / totals["tokens"])
        expected = totals["nats"] / math.log(2) / totals["bytes"] if totals["bytes"] else math.inf
        assert totals["val_bpb"] == pytest.approx(expected)


REFUSED = {
    "twice": [(10, 5), (10, 5)],
    "overlapping what was scored": [(10, 5), (14, 3)],
    "after a gap": [(10, 5), (16, 2)],
    "out of order": [(15, 5)],
    "before its share": [(9, 3)],
    "beyond its share": [(10, 5), (15, 6)],
    "more than there is at once": [(10, 11)],
    "after the end": [(10, 10), (20, 1)],
}


def test_there_are_eight_ways_to_score_wrongly():
    assert len(REFUSED) == 8


@pytest.mark.parametrize("commits", REFUSED.values(), ids=REFUSED)
def test_a_token_is_not_scored(commits):
    book = ledger()
    for start, count in commits[:-1]:
        book.commit(start, nats(count))
    before = book.nats_N[: book.next - book.start].copy()
    start, count = commits[-1]
    with pytest.raises(ScoreOrderError):
        book.commit(start, nats(count))
    assert np.array_equal(book.nats_N[: book.next - book.start], before)


@pytest.mark.parametrize("committed", [0, 1, 9])
def test_there_is_no_total_before_the_last_token_is_scored(committed):
    book = ledger()
    book.commit(10, nats(committed))
    with pytest.raises(ScoreOrderError):
        book.totals()
    book.commit(10 + committed, nats(10 - committed))
    assert book.totals()["tokens"] == 10


def test_tokens_without_bytes_have_no_bits_per_byte():
    book = Ledger(0, 3, np.zeros(3, np.int16))
    book.commit(0, nats(3))
    assert book.totals()["val_bpb"] == math.inf


def test_a_ledger_keeps_its_own_copy_of_a_loss():
    book, values = ledger(), nats(10)
    book.commit(10, values)
    values[:] = 0
    assert book.totals()["nats"] == 10


def test_bytes_are_summed_beyond_the_range_of_one_count():
    book = Ledger(0, 4, np.full(4, 32000, np.int16))
    book.commit(0, nats(4))
    assert book.totals()["bytes"] == 128_000
