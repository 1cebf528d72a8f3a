"""What happens when something goes wrong: each fault is made to happen, and ends with one clear error and its exit code."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.command import environment, finished, micro, refused

LONG = "train.stop.steps=2000"
SEED = Path("runs") / "smoke" / "1"


def wait_for(condition, process: subprocess.Popen, seconds: float = 120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        assert process.poll() is None, f"ended early: {process.communicate()}"
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def start(argv: list[str]) -> subprocess.Popen:
    return subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events(place: Path, stage: str) -> str:
    paths = sorted((place / SEED).glob(f"{stage}*/events.jsonl"))
    return paths[0].read_text() if paths else ""


def processes(word: str) -> list[tuple[int, dict[str, str]]]:
    """(pid, environment) of all processes whose environment has `word`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pairs = (folder / "environ").read_text().split("\0")
        except OSError:
            continue
        if any(word in pair for pair in pairs):
            found.append((int(folder.name), dict(pair.split("=", 1) for pair in pairs if "=" in pair)))
    return found


def test_a_killed_run_goes_on_at_its_first_unfinished_stage(demo_dir, tmp_path):
    argv = micro("run", demo_dir, tmp_path)
    process = start(argv)
    wait_for(lambda: list((tmp_path / SEED).glob("2_quantize*")), process)
    process.kill()
    process.communicate()
    trained = (tmp_path / SEED / "1_train" / "weights.pt").stat().st_mtime_ns
    wait_for(lambda: not processes(str(tmp_path)), start(["sleep", "60"]))

    done = finished(argv)

    assert done.returncode == 0, done.stderr
    assert "done before" in done.stdout.splitlines()[2]
    assert (tmp_path / SEED / "1_train" / "weights.pt").stat().st_mtime_ns == trained
    left = sorted(path.name for path in (tmp_path / SEED).iterdir())
    assert left == ["1_train", "2_quantize", "3_package", "4_evaluate", "5_diagnose", "run.json"]


def test_ranks_do_not_outlive_a_killed_run(demo_dir, tmp_path):
    process = start(micro("run", demo_dir, tmp_path, LONG, "hardware.world_size=2"))
    wait_for(lambda: '"train_step"' in events(tmp_path, "1_train"), process)
    assert len([pid for pid, env in processes(str(tmp_path)) if "RANK" in env]) == 2
    process.kill()
    process.communicate()
    end = time.monotonic() + 40
    while processes(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes(str(tmp_path)) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_half_written(demo_dir, tmp_path, how):
    process = start(micro("run", demo_dir, tmp_path, LONG))
    wait_for(lambda: '"train_step"' in events(tmp_path, "1_train"), process)
    process.send_signal(how)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 130
    assert stderr.strip() == "pgolf: interrupted; nothing half-written is left. Run again to resume."
    assert not processes(str(tmp_path))
    assert list((tmp_path / SEED).iterdir()) == []


def test_a_second_run_in_the_same_folder_is_refused(demo_dir, tmp_path):
    process = start(micro("run", demo_dir, tmp_path, LONG))
    wait_for(lambda: list((tmp_path / SEED).glob("1_train*")), process)
    message = refused(finished(micro("run", demo_dir, tmp_path, LONG)), 2)
    process.terminate()
    process.communicate(timeout=240)
    assert message == f"pgolf: {tmp_path}/runs/smoke: another pgolf is running there. Wait for it, or use --runs-dir.\n"


def test_a_rank_that_dies_is_named(demo_dir, tmp_path):
    process = start(micro("run", demo_dir, tmp_path, LONG, "hardware.world_size=2"))
    wait_for(lambda: '"train_step"' in events(tmp_path, "1_train"), process)
    rank_1 = [pid for pid, env in processes(str(tmp_path)) if env.get("RANK") == "1"]
    os.kill(rank_1[0], signal.SIGKILL)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 3
    assert stderr.startswith(
        "pgolf: train, seed 1: rank 1 was killed by SIGKILL (out of memory?). Run again to resume. Log: "
    )


def test_a_loss_that_is_not_finite_stops_the_run(demo_dir, tmp_path):
    message = refused(finished(micro("run", demo_dir, tmp_path, "optim.matrix.lr=1.0e+30")), 3)
    assert "train, seed 1: the training loss is nan at step" in message
    assert (tmp_path / SEED / "1_train.failed" / "log.txt").is_file()


def test_a_missing_shard_is_named_before_anything_runs(demo_dir, tmp_path):
    data = shutil.copytree(demo_dir, tmp_path / "data")
    variant = data / "datasets" / "fineweb10B_demo1024"
    shutil.copytree(variant, data / "datasets" / "fineweb10B_mine")
    (data / "datasets" / "fineweb10B_mine" / "fineweb_train_000007.bin").unlink()
    message = refused(finished(micro("run", data, tmp_path, "data.variant=mine")), 2)
    assert "fineweb10B_mine: found 7 train shards, need 8." in message
    assert "pgolf data fetch --variant mine --train-shards 8" in message


def test_a_truncated_shard_is_named_before_anything_runs(demo_dir, tmp_path):
    data = shutil.copytree(demo_dir, tmp_path / "data")
    shutil.move(data / "datasets" / "fineweb10B_demo1024", data / "datasets" / "fineweb10B_mine")
    shard = data / "datasets" / "fineweb10B_mine" / "fineweb_train_000003.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    message = refused(finished(micro("run", data, tmp_path, "data.variant=mine")), 2)
    assert "fineweb_train_000003.bin" in message
    assert "truncated" in message


def test_a_corrupted_artifact_is_refused(demo_dir, tmp_path):
    argv = micro("run", demo_dir, tmp_path)
    assert finished(argv).returncode == 0
    artifact = tmp_path / SEED / "3_package" / "model.bin"
    data = bytearray(artifact.read_bytes())
    data[len(data) // 2] ^= 1
    artifact.write_bytes(data)
    shutil.rmtree(tmp_path / SEED / "4_evaluate")
    message = refused(finished(argv), 5)
    assert "evaluate, seed 1: the model file is damaged. Package again." in message


def test_an_evaluation_over_its_time_is_stopped(demo_dir, tmp_path):
    changes = ("train.stop={kind: seconds, steps: 6}", "budgets.eval_seconds=0.5", "evaluation.score.stride=1")
    message = refused(finished(micro("run", demo_dir, tmp_path, *changes)), 4)
    assert re.match(r"pgolf: evaluate has run [56] s of 0\.5 s and was stopped\. Lower ", message)
    assert not processes(str(tmp_path))


def test_the_trainer_stops_itself_inside_its_time(demo_dir, tmp_path):
    budgets = ("budgets.train_seconds=4.0", "budgets.calibration_reserve_seconds=1.0")
    done = finished(micro("run", demo_dir, tmp_path, "train.stop={kind: seconds, steps: 100000}", *budgets))
    assert done.returncode == 0, done.stderr
    train = json.loads((tmp_path / SEED / "run.json").read_text())["train"]
    assert train["stopped_by"] == "wallclock_cap"
    assert 0.5 < train["seconds"] <= 3.0


def small_disk(size: str) -> list[str]:
    """A command prefix that gives the command a disk of `size` at $1; skips where the kernel does not allow it."""
    script = f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@"'
    prefix = ["unshare", "-rm", "sh", "-c", script, "sh"]
    probe = subprocess.run([*prefix, "/mnt", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no user namespaces here: a small disk cannot be made")
    return prefix


@pytest.mark.parametrize("size", ["64k", "200k", "560k"])
def test_a_full_disk_stops_the_run(demo_dir, tmp_path, size):
    """The disk runs full in the harness (64k), while training (200k) and while quantising (560k)."""
    disk = tmp_path / "disk"
    disk.mkdir()
    message = refused(finished([*small_disk(size), str(disk), *micro("run", demo_dir, disk)]), 3)
    assert "disk is full" in message or "No space left on device" in message
