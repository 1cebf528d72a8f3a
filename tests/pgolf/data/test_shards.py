import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import DataError
from pgolf.data.shards import find_shards, open_shard, validation_tokens
from tests.golden.load import tensors
from tests.recipes import quick, write_shard

LENGTHS = tensors("loaders")["validation_length"].tolist()


def header(*first):
    words = np.zeros(256, "<i4")
    words[: len(first)] = first
    return words.tobytes()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("shards") / "fineweb_train_000000.bin"


@quick
@given(tokens=st.lists(st.integers(0, 65535), max_size=50))
def test_what_is_written_is_read(file, tokens):
    path = write_shard(file.parent, "train", 0, tokens)
    assert open_shard(path).tolist() == tokens
    assert open_shard(path).dtype == np.uint16


@quick
@given(tokens=st.lists(st.integers(0, 65535), max_size=50), data=st.data())
def test_a_shard_cut_off_anywhere_is_refused(file, tokens, data):
    path = write_shard(file.parent, "train", 0, tokens)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DataError, match=path.name):
        open_shard(path)


DAMAGED = {
    "a byte more than its tokens": header(20240520, 1, 2) + bytes(5),
    "a token more than it says": header(20240520, 1, 2) + bytes(6),
    "another magic": header(20240521, 1, 2) + bytes(4),
    "a magic of the other byte order": np.array([20240520, 1, 2] + [0] * 253, ">i4").tobytes() + bytes(4),
    "another version": header(20240520, 2, 2) + bytes(4),
    "a negative number of tokens": header(20240520, 1, -2)[:-4],
    "a negative number of tokens and none": header(20240520, 1, -2),
    "no version": header(20240520, 1, 2)[:4],
    "nothing at all": b"",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_is_not_one_whole_shard_is_refused(tmp_path, content):
    path = tmp_path / "fineweb_train_000000.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=path.name):
        open_shard(path)


def test_tokens_on_the_disk_cannot_be_written_through_the_view(tmp_path):
    shard = open_shard(write_shard(tmp_path, "train", 0, [1, 2, 3]))
    with pytest.raises(ValueError, match="read-only"):
        shard[0] = 9


def test_shards_of_a_split_are_found_in_the_order_of_their_names(tmp_path):
    for number in (10, 2, 0):
        write_shard(tmp_path, "train", number, [number])
    write_shard(tmp_path, "val", 1, [99])
    assert [open_shard(path)[0] for path in find_shards(tmp_path, "train")] == [0, 2, 10]


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_shards_are_an_error_that_says_how_many(tmp_path, count):
    for number in range(count - 1):
        write_shard(tmp_path, "train", number, [number])
    with pytest.raises(DataError, match=f"found {count - 1} train shards, need {count}"):
        find_shards(tmp_path, "train", count)


def test_there_are_five_published_validation_lengths():
    assert len(LENGTHS) == 5


@pytest.mark.parametrize(("stored", "window", "kept"), LENGTHS)
def test_validation_keeps_as_many_tokens_as_the_published_script(tmp_path, stored, window, kept):
    write_shard(tmp_path, "val", 0, np.arange(stored))
    assert validation_tokens(tmp_path, window).tolist() == list(range(kept))


def test_validation_is_all_shards_in_order(tmp_path):
    for number, tokens in enumerate([range(5), range(5, 20), [], range(20, 34)]):
        write_shard(tmp_path, "val", number, list(tokens))
    assert validation_tokens(tmp_path, 8).tolist() == list(range(33))


@pytest.mark.parametrize("tokens", [0, 1, 8])
def test_validation_of_less_than_a_window_is_refused(tmp_path, tokens):
    write_shard(tmp_path, "val", 0, list(range(tokens)))
    with pytest.raises(DataError):
        validation_tokens(tmp_path, 8)
