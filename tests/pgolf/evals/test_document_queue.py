"""Documents, their batches, and which lane reads them."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pgolf.evals.document_queue import cost, deal, documents, queue
from pgolf.evals.phased_lora import pauses
from tests.recipes import quick, tree

tokens = st.lists(st.sampled_from([1, 1, 7, 8]), min_size=2, max_size=40).map(lambda ids: np.array(ids, np.uint16))


def test_a_document_ends_with_what_begins_the_next():
    begin, size = documents(np.array([1, 5, 6, 1, 1, 7, 8, 9, 1], np.uint16), 1)
    assert (begin.tolist(), size.tolist()) == ([0, 3, 4], [3, 1, 4])


def test_a_stream_that_begins_within_a_document_begins_with_one():
    begin, size = documents(np.array([5, 6, 1, 7], np.uint16), 1)
    assert (begin.tolist(), size.tolist()) == ([0, 2], [2, 1])


@quick
@given(tokens)
def test_every_target_is_in_one_document_which_holds_no_other_beginning(tokens):
    begin, size = documents(tokens, 1)
    assert begin[0] == 0
    assert size.min() > 0
    assert np.array_equal(begin[1:], (begin + size)[:-1])
    assert begin[-1] + size[-1] == len(tokens) - 1
    inside = [at for first, count in zip(begin, size, strict=True) for at in range(first + 1, first + count)]
    assert 1 not in tokens[inside]
    assert set(tokens[begin[1:]]) <= {1}


@quick
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 7))
def test_batches_hold_every_document_once_and_go_from_long_to_short(sizes, batch):
    sizes = np.array(sizes)
    batches = queue(sizes, batch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(sizes)))
    assert {len(one) for one in batches[1:]} <= {batch}
    assert len(batches[0]) <= batch
    assert sizes[np.concatenate(batches[::-1])].tolist() == sorted(sizes.tolist())


def test_documents_of_one_length_stay_in_the_order_of_the_stream():
    assert [one.tolist() for one in queue(np.array([4, 2, 4, 2, 2]), 2)] == [[2], [4, 0], [1, 3]]


@quick
@given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.integers(1, 5), st.integers(5, 12))
def test_a_batch_costs_what_its_forward_passes_read(sizes, step, window):
    read = sum(min(stop, window) for stop in range(step, max(sizes) + step, step))
    assert cost(np.array(sizes), step, window) == read * len(sizes)


@quick
@given(st.lists(st.integers(1, 100), min_size=1, max_size=30), st.integers(1, 9))
def test_no_lane_waits_longer_than_one_batch_takes(costs, lanes):
    dealt = deal(costs, lanes)
    busy = [sum(c for c, lane in zip(costs, dealt, strict=True) if lane == one) for one in range(lanes)]
    assert sum(busy) == sum(costs)
    assert max(busy) - min(busy) <= max(costs)


def test_a_long_first_batch_keeps_its_lane_from_all_others():
    assert deal([100, 9, 8, 7, 6, 5], 3) == [0, 1, 2, 2, 1, 1]


def test_pauses_come_where_they_came_in_the_published_runs():
    """782 batches of 64 documents, the longest 16 first; the log of PR 1855 has pd 1296, 2128, 2960 and gd 833, 1666, 2500."""
    batches = [16] + 781 * [64]
    found = list(pauses(tree(phases=3, prefix_documents=2500, lanes=8), batches))
    assert [(sum(batches[:stop]), documents) for stop, documents in found] == [(1296, 833), (2128, 1666), (2960, 2500)]


@quick
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 60), st.integers(1, 4))
def test_a_pause_has_more_documents_each_time_all_scored_and_others_left_to_score(batches, phases, prefix, lanes):
    found = list(pauses(tree(phases=phases, prefix_documents=prefix, lanes=lanes), batches))
    stops = [0, *(stop for stop, _ in found)]
    assert all(later - earlier >= lanes for earlier, later in pairwise(stops))
    assert stops[-1] < len(batches)
    for stop, count in found:
        assert 0 < count <= min(prefix, sum(batches[: stop - lanes + 1]))
