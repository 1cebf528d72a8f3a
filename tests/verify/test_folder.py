"""A folder on disk as a tree: what is listed, what is read, what never is."""

import os

import pytest

from verify import limits
from verify.errors import BadInput
from verify.folder import FolderTree


def paths(tree: FolderTree) -> dict[str, str]:
    return {info.path: info.kind for info in tree.files()}


def test_files_are_listed_by_path_with_sizes_and_read_up_to_a_limit(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a b.log").write_bytes(b"12345")
    (tmp_path / "README.md").write_bytes(b"x")
    tree = FolderTree(tmp_path)
    assert [(info.path, info.bytes, info.kind) for info in tree.files()] == [
        ("README.md", 1, "file"),
        ("logs/a b.log", 5, "file"),
    ]
    assert tree.read("logs/a b.log", 3) == b"123"


def test_the_location_is_the_place_below_records(tmp_path):
    folder = tmp_path / "clone" / "records" / "track_non_record_16mb" / "2026-04-01_X"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("x")
    copy = tmp_path / "track_10min_16mb" / "X"  # as the folders of a copy stand
    copy.mkdir(parents=True)
    (copy / "README.md").write_text("x")
    tree = FolderTree(folder)
    assert (tree.location, tree.name) == ("records/track_non_record_16mb/2026-04-01_X", "2026-04-01_X")
    assert FolderTree(copy).location == "records/track_10min_16mb/X"
    assert (FolderTree(tmp_path).location, tree.pr, tree.sha, tree.date) == (tmp_path.name, None, None, None)


@pytest.mark.parametrize(
    "make",
    [lambda path: None, lambda path: path.write_text("x"), lambda path: path.mkdir()],
    ids=["missing", "file", "empty"],
)
def test_a_path_that_is_no_folder_with_files_is_bad_input(tmp_path, make):
    make(tmp_path / "it")
    with pytest.raises(BadInput, match=r"(?s)it'.*\. Give"):
        FolderTree(tmp_path / "it")


def test_a_symlink_out_of_the_folder_is_listed_and_never_read(tmp_path):
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "README.md").symlink_to(tmp_path / "secret")
    (folder / "logs").symlink_to(tmp_path, target_is_directory=True)
    (folder / "dangling").symlink_to("/nowhere")
    tree = FolderTree(folder)
    assert paths(tree) == {"README.md": "symlink", "logs": "symlink", "dangling": "symlink"}
    for path in ("README.md", "logs", "logs/secret", "../secret", "/etc/passwd", "x/../../secret"):
        with pytest.raises(FileNotFoundError):
            tree.read(path, 100)


def test_a_file_or_folder_swapped_for_a_link_after_listing_is_not_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("secret")
    folder = tmp_path / "x"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("own")
    (folder / "b.txt").write_text("own")
    tree = FolderTree(folder)
    (folder / "sub" / "a.txt").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "out", target_is_directory=True)
    (folder / "b.txt").unlink()
    (folder / "b.txt").symlink_to(tmp_path / "out" / "a.txt")
    for path in ("sub/a.txt", "b.txt"):
        with pytest.raises(FileNotFoundError):
            tree.read(path, 100)


def test_a_fifo_is_listed_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "train.log")
    (tmp_path / "a").write_text("x")
    tree = FolderTree(tmp_path)
    assert paths(tree) == {"train.log": "other", "a": "file"}
    with pytest.raises(FileNotFoundError):
        tree.read("train.log", 1)


def test_a_file_swapped_for_a_fifo_after_listing_does_not_hang(tmp_path):
    (tmp_path / "train.log").write_text("x")
    tree = FolderTree(tmp_path)
    (tmp_path / "train.log").unlink()
    os.mkfifo(tmp_path / "train.log")
    with pytest.raises(FileNotFoundError):
        tree.read("train.log", 1)


def test_a_folder_of_too_many_files_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("verify.folder.FILES_MAX", 3)
    for number in range(5):
        (tmp_path / f"{number}").write_text("x")
    tree = FolderTree(tmp_path)
    assert len(tree.files()) == 3
    assert tree.is_cut
    assert limits.FILES_MAX >= 1000


def test_folders_nested_without_end_are_cut(tmp_path):
    deepest = tmp_path / "/".join(["d"] * 60)
    deepest.mkdir(parents=True)
    (deepest / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    tree = FolderTree(tmp_path)
    assert paths(tree) == {"b": "file"}
    assert tree.is_cut


def test_names_in_broken_utf8_with_spaces_and_escapes_are_read(tmp_path):
    names = [b"caf\xe9.log", b"a b.log", b"\x1b[31m.log", "日本.log".encode()]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    tree = FolderTree(tmp_path)
    assert {os.fsencode(info.path) for info in tree.files()} == set(names)
    assert all(tree.read(info.path, 100) == os.fsencode(info.path) for info in tree.files())


def test_a_sparse_log_of_ten_gigabytes_is_listed_at_its_size_and_cut_when_read(tmp_path):
    with open(tmp_path / "train.log", "wb") as file:
        file.write(b"step:1\n")
        file.truncate(10 << 30)
    tree = FolderTree(tmp_path)
    assert tree.files()[0].bytes == 10 << 30
    assert len(tree.read("train.log", 1000)) == 1000
