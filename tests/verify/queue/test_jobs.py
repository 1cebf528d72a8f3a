"""What a queue is to judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.git.stores import Store, record
from verify.errors import BadInput
from verify.git.tree import repository
from verify.policy.model import DEFAULT, load
from verify.queue.features import digest_of
from verify.queue.jobs import of_folders, of_pull_requests, parse_numbers, starter
from verify.queue.work import file_name


@given(st.sets(st.integers(1, 3000), min_size=1, max_size=40))
def test_numbers_and_ranges_are_read_back(wanted):
    assert parse_numbers(",".join(map(str, wanted))) == sorted(wanted)
    assert parse_numbers(f"{min(wanted)}-{max(wanted)}") == list(range(min(wanted), max(wanted) + 1))


@pytest.mark.parametrize("text", ["", "x", "5-3", "0", "1-", "-3", "1,,2", "1-99999999"])
def test_what_is_no_range_is_bad_input(text):
    with pytest.raises(BadInput, match="--prs"):
        parse_numbers(text)


def test_every_folder_of_the_pull_requests_that_are_there_is_a_job(tmp_path):
    repository.cache_clear()
    store = Store(tmp_path)
    base = store.main(record("Old"))
    store.pull(3, record("Old") | record("B") | record("A"), base)
    store.pull(5, record("Old") | {"README.md": "no record"}, base)
    store.pull(7, record("Old") | record("A"), base)
    jobs = of_pull_requests(store.path, range(1, 100), load(DEFAULT))
    assert [(job.pr, job.name) for job in jobs] == [(3, "A"), (3, "B"), (7, "A")]
    assert len({job.key for job in jobs}) == 3
    assert len({file_name(job) for job in jobs}) == 3


def test_a_queue_without_any_folder_is_bad_input(tmp_path):
    repository.cache_clear()
    store = Store(tmp_path / "store")
    store.main(record("Old"))
    with pytest.raises(BadInput, match="1 to 9"):
        of_pull_requests(store.path, range(1, 10), load(DEFAULT))
    with pytest.raises(BadInput, match="has no pull request 3 and"):
        of_pull_requests(store.path, [3], load(DEFAULT))
    with pytest.raises(BadInput):
        of_folders([str(tmp_path / "nothing")], load(DEFAULT))


def test_versions_of_the_challenges_script_are_known(tmp_path):
    repository.cache_clear()
    store = Store(tmp_path)
    code = "".join(f"x{number} = {number} * y{number % 7}\n" for number in range(100))
    first = store.main(record("Old") | {"train_gpt.py": code})
    base = store.main(record("Old") | {"train_gpt.py": code + "print(x1)\n"}, first)
    store.pull(3, record("Old") | record("A"), base)
    jobs = of_pull_requests(store.path, [3], load(DEFAULT))
    assert starter(jobs) == {digest_of(code), digest_of(code.replace("x", "z") + "print(z1)  # the same\n")}
    assert starter([]) == frozenset()


def test_a_folder_given_twice_is_one_job(tmp_path):
    folder = tmp_path / "A"
    folder.mkdir()
    (folder / "train_gpt.py").write_text("import torch\n")
    assert len(of_folders([str(folder), f"{folder}/", f"{folder}/../A"], load(DEFAULT))) == 1


@given(st.text(max_size=200))
def test_file_names_hold_nothing_of_others_that_leads_elsewhere(name):
    from verify.queue.jobs import Job

    made = file_name(Job("x", name, name, None, None, None, "0123456789abcdef01234567"))
    assert made.startswith("folder-")
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(made) < 100
