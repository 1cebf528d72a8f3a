import pytest

from pgolf.core.files import write_whole


def test_a_written_file_has_its_name_and_no_draft_is_left(tmp_path):
    write_whole(tmp_path / "weights.pt", lambda file: file.write(b"whole"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"weights.pt": b"whole"}


@pytest.mark.parametrize("before", [None, b"older"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "weights.pt"
    if before:
        path.write_bytes(before)

    def write(file):
        file.write(b"hal")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, write)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([before] if before else [])
