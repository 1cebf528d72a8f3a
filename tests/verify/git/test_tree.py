"""A folder in a git store, read without a checkout."""

import pickle

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.git.stores import Store, record
from verify import limits
from verify.errors import BadInput
from verify.git import tree as git_tree
from verify.git.tree import GitTree, repository, tree_at
from verify.tree import FileInfo

FOLDER = "records/track_10min_16mb/A"


@pytest.fixture(autouse=True)
def _forget_repositories():
    repository.cache_clear()


def test_a_folder_of_a_commit_has_its_files_sizes_and_bytes(tmp_path):
    store = Store(tmp_path / "s")
    made = store.main(record("A", **{"logs/seed 1.log": "step:1\n"}))
    tree = tree_at(store.path, "main", FOLDER + "/", pr=7)
    assert (tree.name, tree.location, tree.pr, tree.sha, tree.date) == ("A", FOLDER, 7, str(made), "2026-04-01")
    assert tree.files() == (FileInfo("README.md", 4), FileInfo("logs/seed 1.log", 7), FileInfo("train_gpt.py", 17))
    assert tree.read("logs/seed 1.log", 1000) == b"step:1\n"
    assert tree.read("train_gpt.py", 6) == b"import"
    assert not tree.is_cut


def test_symlinks_submodules_and_absent_files_are_listed_and_never_read(tmp_path):
    store = Store(tmp_path / "s")
    target = str(store.repo.create_blob(b"/etc/passwd"))
    files = record("A")
    files[f"{FOLDER}/link.log"] = (0o120000, target)
    files[f"{FOLDER}/module"] = (0o160000, "1" * 40)
    store.main(files)
    blob = store.repo.create_blob(b"a model too large to keep")
    index = pygit2.Index()
    index.add(pygit2.IndexEntry("model.ptz", blob, pygit2.enums.FileMode.BLOB))
    (tmp_path / "s" / "objects" / str(blob)[:2] / str(blob)[2:]).unlink()
    inner = store.raw_tree([("100644", b"model.ptz", blob)])

    tree = tree_at(store.path, "main", FOLDER)
    kinds = {info.path: (info.kind, info.bytes) for info in tree.files()}
    assert kinds["link.log"] == ("symlink", None)
    assert kinds["module"] == ("other", None)
    for path in ("link.log", "module", "no such file", "../A/train_gpt.py"):
        with pytest.raises(FileNotFoundError):
            tree.read(path, 100)

    absent = GitTree(store.path, str(inner), "A", "A")
    assert absent.files() == (FileInfo("model.ptz", None, "absent"),)
    with pytest.raises(FileNotFoundError):
        absent.read("model.ptz", 100)


@pytest.mark.parametrize("name", [b"..", b".", b".git", b"a/b", b"../../etc/passwd", b"/etc/passwd"])
def test_names_that_lead_out_of_the_folder_are_never_read(tmp_path, name):
    store = Store(tmp_path / "s")
    made = store.raw_tree([("100644", name, store.repo.create_blob(b"x"))])
    tree = GitTree(store.path, str(made), "A", "A")
    assert [info.kind for info in tree.files()] == ["other"]
    with pytest.raises(FileNotFoundError):
        tree.read(name.decode(), 10)


@given(
    name=st.binary(min_size=1, max_size=30).filter(
        lambda raw: b"\0" not in raw and b"/" not in raw and raw.lower() not in (b".", b"..", b".git")
    )
)
def test_any_other_name_is_read_as_it_stands(tmp_path_factory, name):
    store = Store(tmp_path_factory.mktemp("s"))
    made = store.raw_tree([("100644", name, store.repo.create_blob(b"content"))])
    tree = GitTree(store.path, str(made), "A", "A")
    (info,) = tree.files()
    assert info.path.encode("utf-8", "surrogateescape") == name
    assert tree.read(info.path, 100) == b"content"


def test_a_tree_that_names_itself_over_and_over_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FILES_MAX", 200)
    store = Store(tmp_path / "s")
    made = store.raw_tree([("100644", b"f", store.repo.create_blob(b"x"))])
    for _ in range(20):  # ten to the twentieth files
        made = store.raw_tree([("40000", b"%d" % i, made) for i in range(10)])
    tree = GitTree(store.path, str(made), "A", "A")
    assert len(tree.files()) <= 200
    assert tree.is_cut


def test_folders_nested_without_end_are_cut(tmp_path):
    store = Store(tmp_path / "s")
    made = store.raw_tree([("100644", b"f", store.repo.create_blob(b"x"))])
    for _ in range(500):
        made = store.raw_tree([("40000", b"d", made)])
    assert GitTree(store.path, str(made), "A", "A").is_cut


def test_a_large_blob_is_streamed(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.main(record("A", **{"run.log": "0123456789" * 5000}))
    monkeypatch.setattr(git_tree, "WHOLE_BYTES_MAX", 1000)
    stream, streamed = GitTree._stream, []
    monkeypatch.setattr(GitTree, "_stream", lambda self, *given: streamed.append(given) or stream(self, *given))
    tree = tree_at(store.path, "main", FOLDER)
    assert tree.read("run.log", 25) == b"0123456789012345678901234"
    assert len(streamed) == 1
    assert tree.read("run.log", 100_000) == b"0123456789" * 5000
    assert len(streamed) == 1  # asked for whole, it is held whole


def test_a_tree_can_be_sent_to_another_process(tmp_path):
    store = Store(tmp_path / "s")
    store.main(record("A"))
    tree = tree_at(store.path, "main", FOLDER)
    tree.files()
    assert pickle.loads(pickle.dumps(tree)).files() == tree.files()


def test_what_is_not_there_is_bad_input(tmp_path):
    store = Store(tmp_path / "s")
    store.main(record("A"))
    for remote, commit, folder in (
        (tmp_path, "main", FOLDER),
        (store.path, "nothing", FOLDER),
        (store.path, "main", FOLDER + "/none"),
        (store.path, "main", FOLDER + "/README.md"),
    ):
        with pytest.raises(BadInput):
            tree_at(str(remote), commit, folder)
