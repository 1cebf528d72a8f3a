import resource
from contextlib import contextmanager

import pytest

from pgolf.core.files import write_whole


@contextmanager
def files_of_at_most(size_bytes):
    """As on a disk that is full after so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_written_file_has_its_name_and_no_draft_is_left(tmp_path):
    write_whole(tmp_path / "weights.pt", b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"weights.pt": b"whole"}


def test_a_written_file_takes_the_place_of_an_older_one(tmp_path):
    for content in (b"a longer file", b"short"):
        write_whole(tmp_path / "weights.pt", content)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"short"]


@pytest.mark.parametrize("before", [None, b"older"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "weights.pt"
    if before:
        path.write_bytes(before)
    with files_of_at_most(4096), pytest.raises(OSError, match="too large"):
        write_whole(path, bytes(100_000))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([before] if before else [])
