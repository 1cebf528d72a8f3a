"""Files written whole or not at all."""

import os

import pytest

from verify.errors import BadInput
from verify.write import check_place, write_text


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "out.json"
    write_text(path, "one\r\n")
    write_text(path, "two \udc80 \u2028")
    assert path.read_bytes() == "two ? \u2028".encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.json"]


def test_the_old_file_stays_where_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    write_text(path, "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(BadInput, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.json"]


def test_the_mode_is_the_users(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "new", "x")
        (tmp_path / "kept").write_text("x")
        (tmp_path / "kept").chmod(0o600)
        write_text(tmp_path / "kept", "y")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="cannot be written"):
        write_text(tmp_path / "none" / "x", "")


def test_what_is_no_file_is_written_into_not_replaced(tmp_path):
    """/dev/null and /dev/stdout are asked for by name, and a link stands for the file it names."""
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "into the pipe")
        assert os.read(reader, 100) == b"into the pipe"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    file.write_text("old")
    link.symlink_to(file)
    write_text(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_place_is_checked_before_the_work(tmp_path):
    check_place(tmp_path / "new.json")
    assert not list(tmp_path.iterdir())
    for wrong in (tmp_path / "none" / "x", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(BadInput, match="cannot be written"):
            check_place(wrong)
