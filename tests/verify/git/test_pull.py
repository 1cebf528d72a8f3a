"""Which record folders a pull request adds or changes."""

import os
import random
import subprocess

import pytest

from tests.verify.git.stores import Store, record
from verify.errors import BadInput
from verify.git.pull import numbers, pull_request
from verify.git.tree import repository

CHALLENGE = os.environ.get("PGOLF_CHALLENGE")


@pytest.fixture(autouse=True)
def _forget_repositories():
    repository.cache_clear()


def names(store: Store, number: int) -> list[str]:
    return [tree.name for tree in pull_request(store.path, number)]


def test_an_open_pull_request_has_what_it_adds_and_changes(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old") | record("Other"))
    changed = record("Old") | {"records/track_10min_16mb/Old/README.md": "changed"}
    store.pull(3, changed | record("Other") | record("New") | {"train_gpt.py": "x"}, base)
    assert names(store, 3) == ["New", "Old"]


def test_what_main_gained_since_is_not_the_pull_requests(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    first = store.pull(3, record("Old") | record("New"), base)
    main = store.main(record("Old") | record("Later"), base)
    assert names(store, 3) == ["New"]
    # ... nor when the branch merges main
    store.pull(3, record("Old") | record("New") | record("Later"), first, main)
    assert names(store, 3) == ["New"]


def test_a_pull_request_merged_with_a_merge_commit_keeps_its_folders(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    head = store.pull(3, record("Old") | record("New"), base)
    other = store.main(record("Old") | record("Later"), base)
    merged = store.main(record("Old") | record("New") | record("Later"), other, head)
    store.main(record("Old") | record("New") | record("Later") | record("Last"), merged)
    assert names(store, 3) == ["New"]


def test_what_main_changed_before_the_merge_is_not_the_pull_requests(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    head = store.pull(3, record("Old") | record("New"), base)
    changed = record("Old") | {"records/track_10min_16mb/Old/README.md": "corrected by organisers"}
    other = store.main(changed, base)
    store.main(changed | record("New"), other, head)
    assert names(store, 3) == ["New"]


def test_a_merged_branch_of_several_commits_that_merged_main_on_the_way(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    first = store.commit(record("Old") | record("New1"), base)
    other = store.main(record("Old") | record("Later"), base)
    second = store.commit(record("Old") | record("New1") | record("Later"), first, other)
    head = store.pull(3, record("Old") | record("New1") | record("Later") | record("New2"), second)
    store.main(record("Old") | record("New1") | record("Later") | record("New2"), other, head)
    assert names(store, 3) == ["New1", "New2"]


def test_a_squashed_pull_request_keeps_its_folders(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    store.pull(3, record("Old") | record("New"), base)
    store.main(record("Old") | record("New"), base)
    assert names(store, 3) == ["New"]


def test_a_fast_forwarded_head_has_its_last_commit(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    head = store.pull(3, record("Old") | record("New"), base)
    store.repo.references.create("refs/heads/main", head, force=True)
    assert names(store, 3) == ["New"]


def test_a_head_that_is_a_merge_of_another_has_nothing(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    head = store.pull(3, record("Old") | record("New"), base)
    merged = store.main(record("Old") | record("New"), base, head)
    store.repo.references.create("refs/pull/4/head", merged)
    with pytest.raises(BadInput, match="no folder records/TRACK/NAME"):
        pull_request(store.path, 4)


def test_a_head_without_common_history_is_compared_with_main(tmp_path):
    store = Store(tmp_path)
    store.main(record("Old"))
    store.pull(3, record("Old") | record("New"))
    assert names(store, 3) == ["New"]


def test_folders_in_odd_places_are_found(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    loose = {"records/mine/train_gpt.py": "x", "records/mine/logs/a.log": "y"}
    nested = {f"records/{path}": text for path, text in (record("Old") | record("Inner")).items()}
    store.pull(3, record("Old") | loose | nested | record("E", track="elsewhere"), base)
    assert [tree.location for tree in pull_request(store.path, 3)] == [
        "records/elsewhere/E",
        "records/mine",
        "records/records/track_10min_16mb/Inner",
    ]


def test_a_pull_request_that_is_not_there_or_adds_nothing_is_bad_input(tmp_path):
    store = Store(tmp_path)
    base = store.main(record("Old"))
    store.pull(5, record("Old") | {"README.md": "x"}, base)
    with pytest.raises(BadInput, match="has no pull request 9"):
        pull_request(store.path, 9)
    with pytest.raises(BadInput, match="no folder records/TRACK/NAME"):
        pull_request(store.path, 5)
    assert numbers(store.path) == [5]


def test_a_repository_without_main_is_bad_input(tmp_path):
    store = Store(tmp_path)
    store.pull(5, record("Old"))
    with pytest.raises(BadInput, match="no branch main"):
        pull_request(store.path, 5)


@pytest.mark.skipif(not CHALLENGE, reason="PGOLF_CHALLENGE is not set")
def test_real_heads_agree_with_git_diff():
    """For heads that main does not contain, `git diff main...head` is the same question asked of git itself."""
    assert CHALLENGE is not None
    every = numbers(CHALLENGE)
    assert len(every) > 2000
    compared = 0
    for number in random.Random(1).sample(every, 60):
        done = subprocess.run(
            ["git", f"--git-dir={CHALLENGE}", "diff", "--raw", "-z", "--no-renames", f"main...refs/pull/{number}/head", "--",
             "records"],
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode or not done.stdout:
            continue
        fields = done.stdout.decode("utf-8", "surrogateescape").split("\0")
        paths = [
            path.split("/") for raw, path in zip(fields[::2], fields[1::2], strict=False) if not raw.endswith(" D")
        ]
        expected = {"/".join(parts[:3]) for parts in paths if len(parts) > 3 and parts[1].startswith("track_")}
        try:
            found = {
                tree.location
                for tree in pull_request(CHALLENGE, number)
                if tree.location.split("/")[1].startswith("track_")
            }
        except BadInput:
            found = set()
        assert expected <= found
        compared += 1
    assert compared > 30
