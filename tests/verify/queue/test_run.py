"""Queues of real processes over folders made here."""

import dataclasses
import json
import signal
from pathlib import Path

import pytest

from tests.verify.folders import record_folder
from tests.verify.queue.faults import blocked, broken
from verify.errors import BadInput
from verify.policy.model import DEFAULT, load
from verify.queue.jobs import Job, of_folders
from verify.queue.run import Limits, pool, run
from verify.queue.store import Store

NAMES = ("Error", "Hang", "Memory", "Death", "Legal")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    return [record_folder(root / name) for name in NAMES]


def jobs_of(folders) -> list[Job]:
    """One job for each folder, called as in NAMES."""
    return [
        dataclasses.replace(job, name=name)
        for job, name in zip(of_folders(map(str, folders), load(DEFAULT)), NAMES, strict=True)
    ]


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "out")
    yield made
    made.close()


def test_one_that_crashes_hangs_dies_or_eats_memory_stops_no_other(folders, store):
    told = []
    queue = run(
        jobs_of(folders),
        DEFAULT,
        store,
        Limits(2, seconds_max=4.0, bytes_max=2 << 30),
        tell=told.append,
        function=broken,
    )
    assert [row.name for row in queue.rows] == ["Legal"]
    assert {crash.job.name: crash.kind for crash in queue.crashes} == {
        "Error": "error", "Hang": "time limit", "Memory": "memory limit", "Death": "process died",
    }  # fmt: skip
    assert len(told) == 5
    reports = {crash.job.name: Path(crash.report).read_text() for crash in queue.crashes}
    assert "ZeroDivisionError: a bug of ours" in reports["Error"]
    assert "in broken" in reports["Error"]
    assert "work_that_hangs" in reports["Hang"]  # the stack, taken before it was killed
    assert "folder: " in reports["Death"]


def test_a_verdict_is_written_and_its_row_kept(folders, store):
    (row,) = run(jobs_of(folders)[4:], DEFAULT, store, Limits(1)).rows
    verdict = json.loads((store.out / row.verdict).read_text())
    assert verdict["status"] == row.status
    assert {result["code"] for result in verdict["results"] if result["status"] == "fail"} == {
        code for code, said in row.codes.items() if said == "fail"
    }
    assert row.features["code"] or row.features["script"]
    assert store.done(with_page=False) == {row.key: row}


def test_what_is_done_is_not_done_again_unless_asked(folders, store):
    jobs = jobs_of(folders)[3:]
    first = run(jobs[1:], DEFAULT, store, Limits(1))
    second = run(jobs, DEFAULT, store, Limits(1))
    assert (first.kept, second.kept) == (0, 1)
    assert [row.name for row in second.fresh] == ["Death"]
    assert [row.name for row in second.rows] == ["Death", "Legal"]
    assert len(run(jobs, DEFAULT, store, Limits(1), fresh=True).fresh) == 2


def test_a_lost_verdict_and_a_torn_row_are_done_again(folders, store):
    jobs = jobs_of(folders)[3:]
    rows = run(jobs, DEFAULT, store, Limits(1)).rows
    (store.out / rows[0].verdict).unlink()
    assert set(store.done(with_page=False)) == {rows[1].key}
    lines = store.rows_file.read_text().splitlines()
    store.rows_file.write_text(lines[0] + "\n" + lines[1][:50])
    assert store.done(with_page=False) == {}


def test_a_changed_folder_or_policy_has_another_key(tmp_path):
    folder = record_folder(tmp_path / "A")
    policy = load(DEFAULT)
    (job,) = of_folders([str(folder)], policy)
    assert of_folders([str(folder)], policy)[0].key == job.key
    assert of_folders([str(folder)], policy.model_copy(update={"version": policy.version + 1}))[0].key != job.key
    (folder / "README.md").write_text("changed")
    assert of_folders([str(folder)], policy)[0].key != job.key


def test_a_folder_has_one_queue_at_a_time(store):
    with pytest.raises(BadInput, match="another queue"):
        Store(store.out)


def test_no_process_of_the_pool_hears_an_interrupt_from_its_start_on():
    """Ctrl-C goes to the whole group; a server that dies of it while it starts would break the pool with a traceback."""
    with pool(Limits(1)) as workers:
        assert signal.SIGINT in workers.schedule(blocked).result()
    assert signal.SIGINT not in blocked()
