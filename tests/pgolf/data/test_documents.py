"""The order of PR 1530's training data, and where segments begin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import DataError
from pgolf.data import documents
from pgolf.data.documents import segments
from tests.recipes import quick, tree, write_shard

BOS, LENGTH, RANKS, SEQUENCES = 1, 8, 4, 5
SPAN = LENGTH * SEQUENCES + 1


def by_hand(ids, bos, max_tokens):
    """Token by token: how long the segment is that it belongs to."""
    starts, since = [], 0
    for position, token in enumerate(ids):
        since += 1
        if position == 0 or token == bos or since == max_tokens:
            starts.append(position)
            since = 0
    return starts


@quick
@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=90), st.integers(1, 12))
def test_a_segment_begins_at_the_start_at_every_bos_and_when_it_would_be_too_long(ids, max_tokens):
    found = segments(np.array(ids), BOS, max_tokens)
    starts = by_hand(ids, BOS, max_tokens)
    assert found.dtype == np.int32
    assert found[: len(starts)].tolist() == starts
    assert set(found[len(starts) :].tolist()) == {len(ids)}
    assert len(found) == -(-(len(starts) + 1) // 64) * 64


def test_borders_are_filled_up_to_as_many_as_asked_for():
    ids = np.array([5, 5, 1, 5, 5, 5, 5, 5, 1, 5])
    assert segments(ids, BOS, 4, 128).tolist() == [0, 2, 6, 8] + [10] * 124
    full = segments(np.ones(63, int), BOS, 4)
    assert full.tolist() == [*range(64)]
    assert len(segments(np.ones(64, int), BOS, 4)) == 128


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Three shards, the first BOS not at the start; the second too short for a step."""
    folder, random = tmp_path_factory.mktemp("documents"), np.random.default_rng(0)
    written = []
    for i, size in enumerate((6 * SPAN * RANKS // 4, SPAN, 5 * SPAN * RANKS // 2)):
        tokens = random.integers(2, 60, size)
        tokens[7 + i :: 11] = BOS
        written.append(write_shard(folder, "train", i, tokens))
    return written


def loader_of(paths):
    return documents.build(paths, LENGTH, RANKS, tree(kind="documents", bos_token=BOS))


def test_a_step_reads_the_shard_on_from_its_first_document_and_drops_an_end_that_is_too_short(paths):
    first, _, third = (np.fromfile(path, "<u2", offset=1024).astype(np.int64) for path in paths)
    loader = loader_of(paths)
    expected = [first[7:], third[9:], third[9 + SPAN * RANKS :], first[7:], third[9:]]
    for stream in expected:
        for rank in range(RANKS):
            tokens, borders = loader.next_batch(rank, SEQUENCES)
            assert tokens.dtype == np.int64
            assert tokens.tolist() == [stream[rank * SPAN : (rank + 1) * SPAN].tolist()]
            inputs = tokens[0, :-1]
            assert borders[: len(by_hand(inputs, BOS, LENGTH))].tolist() == by_hand(inputs, BOS, LENGTH)
            assert borders[-1] == LENGTH * SEQUENCES


def test_a_rank_gets_the_same_whether_others_ask_or_not(paths):
    together, alone = loader_of(paths), loader_of(paths)
    for _ in range(6):
        batches = [together.next_batch(rank, SEQUENCES) for rank in (2, 0, 3, 1)]
        assert all(np.array_equal(a, b) for a, b in zip(batches[2], alone.next_batch(3, SEQUENCES), strict=True))


def test_the_first_steps_go_through_all_sizes_of_the_list_of_segments(paths):
    loader = loader_of(paths)
    sizes = [len(loader.next_batch(0, SEQUENCES)[1]) for _ in range(67)]
    assert sizes[:64] == ([128, 192, 256] * 22)[:64]
    assert set(sizes[64:]) == {128}


@pytest.mark.parametrize("sequences", [SEQUENCES * 3, SEQUENCES * 30])
def test_shards_too_short_for_a_step_are_refused(paths, sequences):
    with pytest.raises(DataError, match="longer shards"):
        loader_of(paths).next_batch(0, sequences)


def test_a_shard_without_a_document_is_passed_over(tmp_path):
    tokens = np.full(4 * SPAN * RANKS, 5)
    none = write_shard(tmp_path, "train", 0, tokens)
    tokens[9] = BOS
    loader = loader_of([none, write_shard(tmp_path, "train", 1, tokens)])
    assert loader.next_batch(0, SEQUENCES)[0][0, 0] == BOS
