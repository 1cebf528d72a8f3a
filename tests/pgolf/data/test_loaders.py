"""The order of training data: the published one for as many GPUs as there are logical ranks, and the same for fewer."""

import numpy as np
import pytest

from pgolf.core import ranks
from pgolf.core.errors import DataError
from pgolf.data import sequential, shuffled
from tests.golden.load import below, settings, tensors
from tests.recipes import stand_for, write_shard

WORLDS = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
LENGTH = settings("loaders").seq_len


@pytest.fixture(scope="module")
def golden():
    return tensors("loaders")


@pytest.fixture(scope="module")
def paths(tmp_path_factory, golden):
    sizes = settings("loaders").shards
    folder = tmp_path_factory.mktemp("golden")
    written = [write_shard(folder, "train", i, golden[f"shard{i}"].numpy()) for i in range(len(sizes))]
    assert [(path.stat().st_size - 1024) // 2 for path in written] == sizes
    return written


@pytest.fixture(scope="module")
def sixteen(tmp_path_factory):
    """Sixteen shards of random tokens of different lengths."""
    folder, random = tmp_path_factory.mktemp("sixteen"), np.random.default_rng(0)
    return [write_shard(folder, "train", i, random.integers(0, 60000, 200 + 10 * i)) for i in range(16)]


def test_there_are_shuffled_batches_of_six_ranks(golden):
    assert len(WORLDS) == len([name for name in golden if name.startswith("shuffled.w") and name.endswith("batches")])


@pytest.mark.parametrize(("world", "rank"), WORLDS)
def test_shuffled_batches_are_the_published_ones(golden, paths, world, rank):
    loader = shuffled.Loader(paths, LENGTH, world)
    expected = golden[f"shuffled.w{world}r{rank}.batches"].numpy()
    found = np.stack([loader.next_batch(rank, expected.shape[1])[0] for _ in expected])
    assert found.dtype == np.int64
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("world", "rank"), WORLDS)
def test_one_pass_draws_every_published_window_once_each_shard_in_the_published_order(golden, paths, world, rank):
    starts = below(f"shuffled.w{world}r{rank}", golden)
    shards = [golden[f"shard{i}"].numpy() for i in range(rank, len(paths), world)]
    expected = [
        [tuple(shard[start : start + LENGTH + 1]) for start in reversed(starts[f"start{i}"].tolist())]
        for i, shard in enumerate(shards)
    ]
    loader = shuffled.Loader(paths, LENGTH, world)
    drawn = [tuple(loader.next_batch(rank, 1)[0][0]) for _ in range(sum(map(len, expected)))]
    for windows in expected:
        assert [window for window in drawn if window in set(windows)] == windows
    assert len(set(drawn)) == len(drawn) == sum(map(len, expected))


def test_a_loader_that_is_used_up_draws_anew_as_the_published_one_does(golden, paths):
    loader = shuffled.Loader(paths, LENGTH, 3)
    expected = golden["shuffled.exhaust.first_last"].numpy()
    assert len(expected) == settings("loaders").exhaust_first_pass + 6
    drawn = np.stack([loader.next_batch(2, 1)[0][0] for _ in expected])
    assert np.array_equal(drawn[:, [0, -2]], expected)


@pytest.mark.parametrize(("world", "rank"), [(1, 0), (2, 0), (2, 1)])
def test_sequential_batches_are_the_published_ones(golden, paths, world, rank):
    loader = sequential.Loader(paths, LENGTH, world)
    expected = golden[f"sequential.w{world}r{rank}.batches"].numpy()
    for tokens in expected:
        batch = loader.next_batch(rank, 4)[0]
        assert batch.shape == (4, LENGTH + 1)
        assert np.array_equal(np.append(batch[:, :-1].ravel(), batch[-1, -1]), tokens)
        assert np.array_equal(batch[:, 1:].ravel(), tokens[1:])


def published_order(paths, rank, draws, length=32, world=8):
    """The shuffled loader of the published script, written from its specification: rank `rank` of eight GPUs."""
    random = np.random.Generator(np.random.PCG64(rank))
    shards = [np.fromfile(path, "<u2")[512:] for path in paths[rank::world]]
    lists = []
    for shard in shards:
        phase = int(random.integers(min(length - 1, len(shard) - length - 1) + 1))
        lists.append([phase + length * int(k) for k in random.permutation((len(shard) - 1 - phase) // length)])
    windows = []
    for _ in range(draws):
        weight = np.array([len(starts) for starts in lists], float)
        i = int(random.choice(len(lists), p=weight / weight.sum()))
        start = lists[i].pop()
        windows.append(shards[i][start : start + length + 1])
    return np.stack(windows)


STEPS, SEQUENCES = 3, 2


def steps_of(monkeypatch, module, paths, world):
    """Batches by step and logical rank, as `world` processes together read them, each with a loader of its own."""
    found = {}
    for rank in range(world):
        stand_for(monkeypatch, rank, world)
        loader = module.Loader(paths, 32, 8)
        for step in range(STEPS):
            for logical_rank in ranks.logical_ranks(8):
                assert (step, logical_rank) not in found
                found[step, logical_rank] = loader.next_batch(logical_rank, SEQUENCES)[0]
    return found


@pytest.mark.parametrize("module", [shuffled, sequential])
@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_one_two_four_and_eight_processes_read_the_same_tokens_in_every_step(monkeypatch, sixteen, module, world):
    eight = steps_of(monkeypatch, module, sixteen, 8)
    found = steps_of(monkeypatch, module, sixteen, world)
    assert len(found) == STEPS * 8
    assert all(np.array_equal(found[key], eight[key]) for key in eight)


def test_eight_processes_read_shuffled_windows_in_the_published_order(monkeypatch, sixteen):
    found = steps_of(monkeypatch, shuffled, sixteen, 8)
    for rank in range(8):
        drawn = np.concatenate([found[step, rank] for step in range(STEPS)])
        assert np.array_equal(drawn, published_order(sixteen, rank, STEPS * SEQUENCES))


def test_eight_processes_read_the_stream_in_the_published_order(monkeypatch, sixteen):
    """A step takes W spans of B T + 1 tokens from the stream; rank r owns the r-th."""
    stream = np.concatenate([np.fromfile(path, "<u2")[512:] for path in sixteen])
    found = steps_of(monkeypatch, sequential, sixteen, 8)
    span = SEQUENCES * 32 + 1
    for step in range(STEPS):
        for rank in range(8):
            begin = (step * 8 + rank) * span
            expected = stream[begin : begin + span]
            assert np.array_equal(found[step, rank][:, :-1].ravel(), expected[:-1])
            assert np.array_equal(found[step, rank][:, 1:].ravel(), expected[1:])


def test_the_stream_goes_on_with_its_first_token_after_its_last(tmp_path):
    paths = [write_shard(tmp_path, "train", i, tokens) for i, tokens in enumerate([[0, 1, 2], [], [3, 4, 5, 6]])]
    loader = sequential.Loader(paths, 4, 1)
    drawn = np.concatenate([np.append(b[0, :-1], b[0, -1]) for b in (loader.next_batch(0, 1)[0] for _ in range(5))])
    assert drawn.tolist() == [i % 7 for i in range(25)]


def test_inputs_and_targets_of_neighbouring_rows_share_one_token(sixteen):
    batch = sequential.Loader(sixteen, 32, 8).next_batch(3, 4)[0]
    assert np.array_equal(batch[:-1, -1], batch[1:, 0])


@pytest.mark.parametrize("module", [shuffled, sequential])
def test_a_new_loader_begins_again(sixteen, module):
    first, again = (module.Loader(sixteen, 32, 8).next_batch(5, 3)[0] for _ in range(2))
    assert np.array_equal(first, again)


def test_fewer_shards_than_logical_ranks_are_refused(sixteen):
    with pytest.raises(DataError, match="7 training shards, need 8"):
        shuffled.Loader(sixteen[:7], 32, 8)


def test_shards_without_a_whole_window_are_refused(tmp_path):
    path = write_shard(tmp_path, "train", 0, list(range(32)))
    with pytest.raises(DataError):
        shuffled.Loader([path], 32, 1).next_batch(0, 1)[0]
