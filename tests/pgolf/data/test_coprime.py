"""The coprime-stride loader: the published order, the steps of its specification, the same tokens for any number of processes."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core import ranks
from pgolf.core.errors import DataError
from pgolf.data import coprime
from tests.recipes import quick, stand_for, write_shard

DIRECTORY = "data/datasets/fineweb10B_sp4096"
LENGTH, SEQUENCES, BATCHES = 16, 6, 60
# First tokens of every sequence as the script of PR 1218 draws them from the shards below, ranks within batches: sha256 of int64.
PUBLISHED = {
    8: "c4e12c782b3ce6635521a9d7388ee021b4eb944d5b4e658db1026cb967bc8ee2",  # batches 30 to 59 as if 1780 came before
    1: "c60f78d987391f7106139c3472d4e2cbe0643cbc175bce8f35c2857526585d81",
}
FIRST = {0: [15197, 10077, 14178, 19099, 18305, 18065], 7: [19243, 16146, 18033, 15085, 19323, 15213]}


def shard(i, tokens):
    """A token says in which shard and where it stands."""
    return np.arange(tokens) + 1000 * i


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twenty")
    return [write_shard(folder, "train", i, shard(i, 20 + 17 * i)) for i in range(20)]


def test_the_seed_is_a_hash_of_the_names():
    assert coprime.seed_of([]) == 0
    assert coprime.seed_of(["a"]) == 106652627936467
    assert coprime.seed_of(["a.bin", "b.bin"]) == 10028571966611140365


@pytest.mark.parametrize(
    ("directory", "seed"),
    [
        ("data/datasets/fineweb10B_sp4096", 18317990116066155305),
        ("/home/dex/parameter-golf-with-cc/data/datasets/fineweb10B_sp4096", 15777289812234163145),
    ],
)
def test_the_folders_of_the_published_runs_have_the_published_seeds(directory, seed):
    assert coprime.seed_of([f"{directory}/fineweb_train_{i:06d}.bin" for i in range(143)]) == seed


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_eight_logical_ranks_read_in_the_published_order_on_any_number_of_processes(monkeypatch, twenty, world):
    found = {}
    for process in range(world):
        stand_for(monkeypatch, process, world)
        loader = coprime.Loader(twenty, LENGTH, 8, DIRECTORY)
        for number in range(BATCHES):
            if number == 30:
                loader.batches = 1780
                loader.calls = [1780] * 8
            for rank in ranks.logical_ranks(8):
                (tokens,) = loader.next_batch(rank, SEQUENCES)
                assert np.array_equal(tokens, tokens[:, :1] + np.arange(LENGTH + 1))
                found[number, rank] = tokens[:, 0]
    assert {rank: found[0, rank].tolist() for rank in FIRST} == FIRST
    order = np.stack([found[key] for key in sorted(found)])
    assert hashlib.sha256(order.astype("<i8").tobytes()).hexdigest() == PUBLISHED[8]


def test_one_logical_rank_reads_in_the_published_order_of_one_gpu(twenty):
    loader = coprime.Loader(twenty, LENGTH, 1, DIRECTORY)
    order = np.stack([loader.next_batch(0, 48)[0][:, 0] for _ in range(BATCHES)])
    assert hashlib.sha256(order.astype("<i8").tobytes()).hexdigest() == PUBLISHED[1]


def by_specification(sizes, paths, length, world, sequences, batches, built):
    """(shard, position) of every sequence, rank by rank within batches: steps 1 to 7, with all state in plain lists."""
    seed = 0
    for path in paths:
        for byte in path.encode():
            seed = ((seed ^ byte) * 1099511628211) & (2**64 - 1)
    rng = np.random.Generator(np.random.PCG64(seed))
    eligible = [i for i, n in enumerate(sizes) if (n - 1) // length >= 1]
    state = dict.fromkeys(eligible)  # phase, blocks, start, stride, next
    result = []
    for _ in range(batches):
        p = min(built / 1800, 1)
        weights = []
        for i in eligible:
            s = state[i]
            weights.append((max(s[1] - s[4], 1) if s else (sizes[i] - 1) // length) ** (0.90 - 0.40 * p))
        probability = np.array(weights) / np.sum(weights)
        g, e = sequences * world, len(eligible)
        low, high = min(max(8, world), e, g), min(max(32, 8 * world), e, g)
        mix = max(1, min(round(low + p * (high - low)), e, g))
        chosen = rng.choice(e, size=mix, replace=False, p=probability)
        counts = [1] * mix
        if g > mix:
            more = rng.multinomial(g - mix, probability[chosen] / probability[chosen].sum())
            counts = [1 + int(n) for n in more]
        lists = []
        for place in rng.permutation(mix):
            i, taken = eligible[chosen[place]], []
            while len(taken) < counts[place]:
                if state[i] is None or state[i][4] >= state[i][1]:
                    n = sizes[i]
                    most = min(length - 1, max(0, n - length - 1))
                    phase = int(rng.integers(0, most + 1)) if most > 0 else 0
                    blocks = (n - 1 - phase) // length
                    start = int(rng.integers(0, blocks)) if blocks > 1 else 0
                    stride = 1
                    if blocks > 1:
                        stride = 0
                        while math.gcd(stride, blocks) != 1:
                            stride = int(rng.integers(1, blocks))
                    state[i] = [phase, blocks, start, stride, 0]
                phase, blocks, start, stride, k = state[i]
                taken.append((i, phase + (start + k * stride) % blocks * length))
                state[i][4] += 1
            lists.append([taken[j] for j in rng.permutation(len(taken))] if len(taken) > 1 else taken)
        order, active = [], lists
        while active:
            active = [active[j] for j in rng.permutation(len(active))]
            order += [pile.pop() for pile in active]
            active = [pile for pile in active if pile]
        result.append([order[r::world] for r in range(world)])
        built += 1
    return result


@quick
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=12),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 20),
    st.sampled_from([0, 700, 1799, 5000]),
    st.text("ab/_", min_size=1, max_size=9),
)
def test_batches_are_those_of_the_specification(tmp_path_factory, sizes, length, world, sequences, built, directory):
    sizes = [*sizes, 30]
    folder = tmp_path_factory.mktemp("shards")
    paths = [write_shard(folder, "train", i, shard(i, n)) for i, n in enumerate(sizes)]
    names = [f"{directory}/{path.name}" for path in paths]
    expected = by_specification(sizes, names, length, world, sequences, 5, built)
    loader = coprime.Loader(paths, length, world, directory)
    loader.batches, loader.calls = built, [built] * world
    for batch in expected:
        for rank, places in enumerate(batch):
            assert loader.next_batch(rank, sequences)[0][:, 0].tolist() == [1000 * i + at for i, at in places]


@quick
@given(st.integers(2, 400), st.integers(1, 20), st.integers(0, 999))
def test_a_walk_goes_through_every_block_of_its_phase_once(tokens, length, seed):
    tokens = max(tokens, length + 1)
    walk, random = coprime.Walk(tokens, length), np.random.Generator(np.random.PCG64(seed))
    for _ in range(3):
        first = walk.take(random)
        starts = [first, *(walk.take(random) for _ in range(walk.blocks - 1))]
        assert sorted(starts) == [walk.phase + i * length for i in range(walk.blocks)]
        assert max(starts) + length + 1 <= tokens < walk.phase + (walk.blocks + 1) * length + 1
        assert 0 <= walk.phase < length


def test_where_the_data_lie_does_not_matter_and_the_name_of_the_folder_does(tmp_path, twenty):
    elsewhere = [write_shard(tmp_path, "train", i, shard(i, 20 + 17 * i)) for i in range(20)]
    one, same, other = (
        coprime.Loader(paths, LENGTH, 2, directory).next_batch(1, 9)[0]
        for paths, directory in ((twenty, "a"), (elsewhere, "a"), (twenty, "b"))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_batch_mixes_from_eight_to_sixty_four_shards_as_training_goes_on(tmp_path):
    paths = [write_shard(tmp_path, "train", i, shard(i, 200)) for i in range(64)]
    mixes = []
    for built in (0, 900, 1800, 9000):
        loader = coprime.Loader(paths, LENGTH, 8, DIRECTORY)
        loader.batches = built
        mixes.append(len({i for i, _ in loader.draw(384)}))
    assert mixes == [8, 36, 64, 64]


def test_a_rank_that_lags_a_whole_batch_behind_is_a_bug(twenty):
    loader = coprime.Loader(twenty, LENGTH, 2, DIRECTORY)
    for _ in range(2):
        loader.next_batch(0, 3)
    with pytest.raises(AssertionError, match="lags behind"):
        loader.next_batch(1, 3)


def test_shards_too_short_for_a_sequence_are_passed_over_and_nothing_but_such_is_refused(tmp_path):
    paths = [write_shard(tmp_path, "train", i, shard(i, tokens)) for i, tokens in enumerate([16, 17, 0])]
    (tokens,) = coprime.Loader(paths, LENGTH, 1, DIRECTORY).next_batch(0, 4)
    assert (tokens[:, 0] == 1000).all()
    with pytest.raises(DataError, match="no training shard has 17 tokens"):
        coprime.Loader(paths[::2], LENGTH, 1, DIRECTORY)
