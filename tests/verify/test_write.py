"""Files written whole or not at all."""

import os

import pytest

from verify.errors import BadInput
from verify.write import write_text


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
