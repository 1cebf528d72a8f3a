"""`verify audit-all` from the command line's side."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.folders import record_folder
from tests.verify.git.stores import Store, record
from verify.cli import verify
from verify.errors import BadInput
from verify.git.tree import repository

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> int:
    return verify(["audit-all", *arguments], prog_name="verify", standalone_mode=False) or 0


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    return [str(record_folder(root / "one")), str(record_folder(root / "two", train_ms=655_000))]


def test_folders_are_judged_with_one_line_each_and_written_down(folders, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(*folders, "--out", str(out), "--jobs", "1", "--html") == 0
    shown = capsys.readouterr()
    assert len([line for line in shown.err.splitlines() if " ms  " in line]) == 2
    assert "train-time.runs" in shown.err  # a pipe cuts no line
    assert "2 verdicts" in shown.out
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["verdicts"], summary["crashes"], summary["hangs"]) == (2, 0, 0)
    assert summary["rules"]["train-time"]["fail"] == 1
    assert len(list((out / "verdicts").iterdir())) == len(list((out / "pages").iterdir())) == 2
    assert (out / "index.html").read_text().count("pages/") >= 2
    # the second time nothing is judged, and the same is said
    assert run(*folders, "--out", str(out), "--jobs", "1", "--html") == 0
    again = json.loads((out / "summary.json").read_text())
    assert again["kept"] == 2
    assert again["rules"] == summary["rules"]


def test_one_is_not_many(folders, tmp_path, capsys):
    run(folders[0], "--out", str(tmp_path / "out"), "--jobs", "1")
    assert "1 verdict (0 kept from before)" in capsys.readouterr().out


def test_pull_requests_are_judged_and_copies_found(tmp_path, capsys):
    repository.cache_clear()
    store = Store(tmp_path / "store")
    base = store.main(record("Old"))
    code = "".join(f"x{number} = {number} * y{number % 7}\n" for number in range(100))
    store.pull(3, record("Old") | record("A", **{"train_gpt.py": code}), base)
    store.pull(4, record("Old") | record("B", **{"train_gpt.py": code.replace("x", "z") + "# mine\n"}), base)
    assert run("--prs", "1-9", "--remote", store.path, "--out", str(tmp_path / "out"), "--jobs", "1") == 0
    assert "code-new-name" in capsys.readouterr().out
    duplicates = json.loads((tmp_path / "out" / "duplicates.json").read_text())
    assert [[member["pr"] for member in group["members"]] for group in duplicates["groups"]] == [[3, 4]]
    assert "#3 A" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    "arguments", [(), ("--prs", "x"), ("--prs", "1-3", "folder"), ("/no/such/folder",), ("",), ("--prs", "")]
)
def test_bad_input_is_refused(arguments, tmp_path):
    remote = ("--remote", str(tmp_path)) if "--prs" in arguments else ()
    with pytest.raises(BadInput):
        run(*arguments, "--out", str(tmp_path / "out"), *remote)
    assert not list(tmp_path.iterdir())


def test_a_remote_without_pull_requests_is_refused(folders, tmp_path):
    with pytest.raises(BadInput, match="--remote belongs to --prs"):
        run(folders[0], "--out", str(tmp_path / "out"), "--remote", str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_an_output_folder_that_cannot_be_made_is_refused(folders, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        run(folders[0], "--out", str(tmp_path / "file" / "out"))


def test_an_interrupt_ends_the_workers_and_keeps_what_is_done(folders, tmp_path):
    """Ctrl-C reaches the whole group of processes."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "verify", "audit-all", *folders, "--out", str(out), "--jobs", "1"]
    copies = [shutil.copytree(folders[0], tmp_path / f"copy{number}") for number in range(25)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, *map(str, copies)], start_new_session=True, cwd=ROOT, **pipes) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first is done
        os.killpg(process.pid, signal.SIGINT)
        left = process.stderr.read()  # ends when no process of the group holds it open any more
        assert process.wait(30) == 130
    assert "interrupted" in left
    assert "Traceback" not in left
    rows = (out / "rows.jsonl").read_text().splitlines()
    assert 1 <= len(rows) < 27
    assert all(json.loads(row)["verdict"] for row in rows)
