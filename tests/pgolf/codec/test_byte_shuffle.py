import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.codec.byte_shuffle import shuffle, unshuffle
from tests.golden.load import settings, tensors
from tests.recipes import quick

CASES = list(enumerate(settings("byte_shuffle").cases))
strides = st.integers(1, 255)


def published(data, stride):
    """The published script puts a header before the bytes; our artifact needs none, since its reader has the recipe."""
    return data if stride <= 1 or len(data) < stride else b"BSHF" + bytes([stride]) + shuffle(data, stride)


def test_there_are_six_published_strings():
    assert len(CASES) == 6


@pytest.mark.parametrize(("i", "case"), CASES)
def test_bytes_are_shuffled_and_back_as_in_the_published_script(i, case):
    golden = tensors("byte_shuffle")
    before, after = (golden[f"{i}.{end}"].numpy().tobytes() for end in ("in", "out"))
    assert len(before) == case.length
    assert published(before, case.stride) == after
    assert unshuffle(shuffle(before, case.stride), case.stride) == before


@quick
@given(st.binary(max_size=300), strides)
def test_any_bytes_come_back_from_any_stride(data, stride):
    assert unshuffle(shuffle(data, stride), stride) == data


@quick
@given(st.binary(min_size=1, max_size=300), strides)
def test_a_shuffle_moves_bytes_and_changes_none(data, stride):
    body = shuffle(data, stride)
    assert sorted(body) == sorted(data)
    assert body == b"".join(data[i::stride] for i in range(stride))
