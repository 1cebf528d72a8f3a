"""Remotes by URL, served by git itself from a store made here."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.verify.git.stores import Store, record
from verify.errors import BadInput
from verify.git import remote as git_remote
from verify.git.pull import pull_request
from verify.git.remote import cache_path, local_repository
from verify.git.tree import repository


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    repository.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "served.git")
    base = made.main(record("Old"))
    made.pull(3, record("Old") | record("New"), base)
    made.pull(4, record("Old") | record("Four"), base)
    return made


def test_a_pull_request_is_fetched_from_a_url(cache, store):
    url = f"file://{store.path}"
    (tree,) = pull_request(url, 3)
    assert (tree.name, tree.pr) == ("New", 3)
    assert tree.read("train_gpt.py", 6) == b"import"
    assert tree.repo.startswith(str(cache / "pgolf" / "git"))
    # only main and what was asked for
    assert sorted(repository(tree.repo).references) == ["refs/heads/main", "refs/pull/3/head"]


def test_a_force_pushed_pull_request_is_fetched_again(cache, store):
    url = f"file://{store.path}"
    pull_request(url, 3)
    store.pull(3, record("Old") | record("Newer"), store.repo.references["refs/heads/main"].target)
    repository.cache_clear()
    assert [tree.name for tree in pull_request(url, 3)] == ["Newer"]


def test_many_are_fetched_at_once_and_absent_ones_left_out(cache, store):
    path = local_repository(f"file://{store.path}", range(1, 2000))
    assert sorted(repository(path).references) == ["refs/heads/main", "refs/pull/3/head", "refs/pull/4/head"]


def test_large_blobs_stay_away_where_the_server_can_filter(cache, store, monkeypatch):
    monkeypatch.setattr(git_remote, "BLOB_BYTES_MAX", 1000)
    store.repo.config["uploadpack.allowFilter"] = "true"
    base = store.repo.references["refs/heads/main"].target
    store.pull(3, record("Old") | record("New", **{"model.ptz": os.urandom(5000).hex()}), base)
    (tree,) = pull_request(f"file://{store.path}", 3)
    kinds = {info.path: info.kind for info in tree.files()}
    assert kinds == {"README.md": "file", "train_gpt.py": "file", "model.ptz": "absent"}


def test_served_over_the_network(cache, store, tmp_path):
    """The same through a real server, git daemon, on a port of its own."""
    port = 20_000 + os.getpid() % 20_000
    command = [
        "git",
        "daemon",
        "--reuseaddr",
        "--export-all",
        f"--base-path={tmp_path}",
        "--listen=127.0.0.1",
        f"--port={port}",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as server:
        try:
            url = f"git://127.0.0.1:{port}/served.git"
            for _ in range(100):
                if not subprocess.run(["git", "ls-remote", url], capture_output=True, check=False).returncode:
                    break
                time.sleep(0.05)
            assert [tree.name for tree in pull_request(url, 4)] == ["Four"]
        finally:
            os.killpg(server.pid, 15)


@pytest.mark.parametrize(
    "remote",
    [
        "ext::sh -c 'touch {marker}'",
        "--upload-pack=touch {marker}",
        "file:///no/such/place",
        "git://127.0.0.1:9/x",
        "ftp://127.0.0.1/x",
        "/no/such/folder",
        "",
    ],
)
def test_a_remote_that_cannot_be_read_is_bad_input_and_leaves_nothing_half_made(cache, remote, tmp_path):
    with pytest.raises(BadInput):
        pull_request(remote.format(marker=tmp_path / "ran"), 3)
    assert [path for path in cache.rglob("*") if path.is_dir() and path.name.endswith(".git")] == []
    assert list(cache.rglob(".new-*")) == []
    assert not (tmp_path / "ran").exists()


def test_a_pull_request_the_url_does_not_have_is_bad_input(cache, store):
    with pytest.raises(BadInput, match="does not have pull request 9"):
        pull_request(f"file://{store.path}", 9)


def test_a_fetch_that_fails_leaves_no_reference_and_can_be_tried_again(cache, store):
    url = f"file://{store.path}"
    pull_request(url, 3)
    blob = store.repo.create_blob(b"lost")
    base = store.repo.references["refs/heads/main"].target
    store.pull(5, record("Old") | {"records/track_10min_16mb/Five/train_gpt.py": (0o100644, str(blob))}, base)
    lost = tmp_object(store, blob)
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(BadInput, match="cannot be fetched"):
        pull_request(url, 5)
    repository.cache_clear()
    assert "refs/pull/5/head" not in repository(str(cache_path(url))).references
    assert [path.name for path in cache_path(url).rglob("tmp_*")] == []
    lost.write_bytes(content)
    repository.cache_clear()
    assert [tree.name for tree in pull_request(url, 5)] == ["Five"]


def tmp_object(store, oid):
    return Path(store.path) / "objects" / str(oid)[:2] / str(oid)[2:]


def test_a_url_without_main_is_bad_input(cache, tmp_path):
    other = Store(tmp_path / "other.git")
    other.pull(3, record("New"))
    with pytest.raises(BadInput, match="no branch main"):
        pull_request(f"file://{other.path}", 3)


def test_a_fetch_that_takes_too_long_is_ended(cache, store, monkeypatch, tmp_path):
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nsleep 60 & wait\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:{os.environ['PATH']}")
    start = time.monotonic()
    done = git_remote._git(["fetch"], 0.3)
    assert done.returncode == 124
    assert time.monotonic() - start < 5


def test_hooks_of_the_cache_do_not_run(cache, store):
    url = f"file://{store.path}"
    path = cache_path(url)
    pull_request(url, 3)
    hook = path / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {cache}/ran\n")
    hook.chmod(0o755)
    pull_request(url, 4)
    assert not (cache / "ran").exists()


def test_the_name_of_the_cache_holds_no_password(cache):
    path = cache_path("https://user:secret@example.org/a/b")
    assert "secret" not in str(path)
    assert path != cache_path("https://example.org/a/b")
