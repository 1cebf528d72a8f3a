import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgolf.codec.byte_shuffle import MAGIC, shuffle, unshuffle
from tests.golden.load import settings, tensors
from tests.recipes import quick

CASES = list(enumerate(settings("byte_shuffle").cases))
strides = st.integers(1, 255)


def test_there_are_six_published_strings():
    assert len(CASES) == 6


@pytest.mark.parametrize(("i", "case"), CASES)
def test_bytes_are_shuffled_and_back_as_in_the_published_script(i, case):
    golden = tensors("byte_shuffle")
    before, after = (golden[f"{i}.{end}"].numpy().tobytes() for end in ("in", "out"))
    assert len(before) == case.length
    assert shuffle(before, case.stride) == after
    assert unshuffle(after) == before


@quick
@given(st.binary(max_size=300), strides)
@example(MAGIC + b"\x02abcd", 2)
def test_any_bytes_come_back_from_any_stride(data, stride):
    assert unshuffle(shuffle(data, stride)) == data


@pytest.mark.parametrize("data", [MAGIC + b"\x02abcd", MAGIC + b"\x00abcd"], ids=["stride 2", "stride 0"])
@pytest.mark.parametrize("stride", [1, 10])
def test_bytes_that_look_shuffled_and_are_not_come_back_too(data, stride):
    assert unshuffle(shuffle(data, stride)) == data


@quick
@given(st.binary(min_size=1, max_size=300), strides)
def test_a_shuffle_moves_bytes_and_changes_none(data, stride):
    body = shuffle(data, stride)
    body = body[5:] if len(body) == len(data) + 5 else body
    assert sorted(body) == sorted(data)
    assert body == b"".join(data[i::stride] for i in range(stride))
