"""`pgolf data fetch` against a real HTTP server in this process, the command in a process of its own."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pgolf.core.errors import DataError
from pgolf.harness.dataset.layout import Layout
from pgolf.harness.dataset.manifest import parse_manifest

VARIANT = "demo1024"
FOLDER = f"datasets/datasets/fineweb10B_{VARIANT}"
TRAIN_1 = f"{FOLDER}/fineweb_train_000001.bin"


@pytest.fixture
def fetch(pgolf_data, hub, tmp_path):
    """Run the command; the layout it filled is `fetch.layout`."""

    def run(train_shards: int = 2, **settings: str) -> subprocess.CompletedProcess:
        return pgolf_data(*run.arguments, "--train-shards", train_shards, **{"HF_ENDPOINT": hub.url, **settings})

    run.layout = Layout(tmp_path / "data", VARIANT)
    run.arguments = ["fetch", "--variant", VARIANT, "--repo", hub.repo, "--data-dir", run.layout.data_dir]
    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_refused(result: subprocess.CompletedProcess, *words: str) -> None:
    """Exit code 2, a single line that says it, no traceback. Lines "fetched FILE" tell of others that were finished."""
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("fetched ")]
    assert len(lines) == 1, result.stderr
    assert all(word in lines[0] for word in words), lines[0]


def test_a_full_fetch_brings_every_byte_and_passes_the_check(fetch, hub, pgolf_data):
    result = fetch(8)
    assert result.returncode == 0, result.stderr
    files = [path for path in hub.files if not path.endswith("manifest.json")]
    assert len(files) == 10
    for path in files:
        assert (fetch.layout.data_dir / path.removeprefix("datasets/")).read_bytes() == hub.files[path]
    checked = pgolf_data("check", "--variant", VARIANT, "--data-dir", fetch.layout.data_dir)
    assert checked.returncode == 0, checked.stdout


def test_more_shards_bring_only_the_difference_and_the_same_call_again_brings_nothing(fetch, hub):
    fetch(1)
    assert names(fetch.layout.folder) == ["fineweb_train_000000.bin", "fineweb_val_000000.bin"]
    hub.requests.clear()
    fetch(2)
    assert [path for path, _ in hub.got()] == [TRAIN_1]
    hub.requests.clear()
    result = fetch(2)
    assert hub.got() == []
    assert "fetched 0 files (0 bytes), 4 were here already" in result.stdout


def test_a_file_from_elsewhere_stays_when_it_is_the_published_one_and_is_replaced_when_not(fetch, hub):
    right, wrong = fetch.layout.shard("train", 0), fetch.layout.shard("train", 1)
    right.parent.mkdir(parents=True)
    right.write_bytes(hub.files[f"{FOLDER}/{right.name}"])
    wrong.write_bytes(hub.files[TRAIN_1][:-2] + b"\x05\x00")
    assert fetch(2).returncode == 0
    assert hub.got("train_000000.bin") == []
    assert wrong.read_bytes() == hub.files[TRAIN_1]


def test_a_connection_cut_in_the_middle_is_continued(fetch, hub):
    hub.cut_bytes[TRAIN_1] = 60_000
    assert fetch(2).returncode == 0
    assert hub.got("000001.bin") == [(TRAIN_1, ""), (TRAIN_1, "bytes=60000-")]
    assert fetch.layout.shard("train", 1).read_bytes() == hub.files[TRAIN_1]


def test_a_killed_fetch_is_continued_by_the_next(fetch, hub, command, environment):
    hub.stall_bytes[TRAIN_1] = 60_000
    words = [*command, *map(str, fetch.arguments), "--train-shards", "2"]
    with subprocess.Popen(words, env={**environment, "HF_ENDPOINT": hub.url}, stderr=subprocess.DEVNULL) as process:
        assert hub.stalled.wait(30)
        deadline = time.monotonic() + 20
        while not (partials := [p for p in fetch.layout.folder.glob(".*001.bin.*") if p.stat().st_size == 60_000]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    hub.go_on.set()
    assert not fetch.layout.shard("train", 1).exists()
    assert len(partials) == 1
    hub.requests.clear()
    assert fetch(2).returncode == 0
    assert hub.got("000001.bin") == [(TRAIN_1, "bytes=60000-")]
    assert fetch.layout.shard("train", 1).read_bytes() == hub.files[TRAIN_1]


def test_a_truncated_file_is_refused_and_never_gets_its_name(fetch, hub):
    hub.files[TRAIN_1] = hub.files[TRAIN_1][:-1000]
    assert_refused(fetch(2), TRAIN_1, "truncated")
    assert [name for name in names(fetch.layout.folder) if "000001" in name] == []


def test_an_empty_file_is_refused(fetch, hub):
    hub.files[TRAIN_1] = b""
    assert_refused(fetch(2), TRAIN_1, "0 bytes")
    assert not fetch.layout.shard("train", 1).exists()


def test_a_file_with_another_sha256_than_the_hub_says_is_refused(fetch, hub):
    hub.sha256[TRAIN_1] = "0" * 64
    assert_refused(fetch(2), TRAIN_1, "sha256", "0" * 16)
    assert [name for name in names(fetch.layout.folder) if "000001" in name] == []


def test_a_file_with_another_sha256_than_the_manifest_says_is_refused(fetch, hub):
    manifest = json.loads(hub.files["datasets/manifest.json"])
    record = {"size_bytes": len(hub.files[TRAIN_1]), "sha256": "1" * 64}
    manifest["datasets"][0]["files"] = {TRAIN_1.removeprefix("datasets/"): record}
    hub.files["datasets/manifest.json"] = json.dumps(manifest).encode()
    assert_refused(fetch(2), TRAIN_1, "sha256", "1" * 16)


def test_a_shard_the_manifest_counts_but_the_hub_lacks_is_an_error(fetch, hub):
    del hub.files[TRAIN_1]
    assert_refused(fetch(2), "has no file", TRAIN_1)


def test_what_was_finished_before_an_error_is_kept_and_recorded(fetch, hub):
    whole = hub.files.pop(TRAIN_1)
    fetch(2)
    hub.files[TRAIN_1] = whole
    hub.requests.clear()
    assert fetch(2).returncode == 0
    assert (f"{FOLDER}/fineweb_val_000000.bin", "") not in hub.got()


def test_too_many_shards_are_refused_with_the_number_there_is(fetch, hub):
    assert_refused(fetch(9), "--train-shards 9", "8 training shards")
    assert hub.got() == []


def test_an_unknown_variant_is_refused_with_those_there_are(fetch, hub):
    manifest = json.loads(hub.files["datasets/manifest.json"])
    manifest["datasets"][0]["name"] = "fineweb10B_sp512"
    hub.files["datasets/manifest.json"] = json.dumps(manifest).encode()
    assert_refused(fetch(1), f"fineweb10B_{VARIANT}", "fineweb10B_sp512")


def test_no_server_at_all_is_one_line(fetch):
    assert_refused(fetch(1, HF_ENDPOINT="http://127.0.0.1:9"), "http://127.0.0.1:9", "HF_ENDPOINT")


def test_offline_mode_is_one_line(fetch):
    assert_refused(fetch(1, HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE")


def test_an_unknown_repository_is_one_line(fetch):
    fetch.arguments[4] = "nobody/nothing"
    assert_refused(fetch(1), "nobody/nothing")


def test_a_manifest_whose_tokenizer_leads_out_of_the_folder_is_refused(fetch, hub):
    manifest = json.loads(hub.files["datasets/manifest.json"])
    manifest["tokenizers"][0]["model_path"] = "tokenizers/../../../.profile"
    hub.files["datasets/manifest.json"] = json.dumps(manifest).encode()
    assert_refused(fetch(1), "leads out of the data folder")
    assert hub.got() == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a\\..\\x", "C:/x", "", "a\nb"])
def test_a_path_that_leads_out_of_the_folder_is_no_file_record(path):
    stats = {"files_train": 1, "files_val": 1}
    entry = {"name": "d", "tokenizer_name": "t", "stats": stats, "files": {path: {"size_bytes": 1}}}
    manifest = parse_manifest(json.dumps({"datasets": [entry]}).encode(), "test")
    with pytest.raises(DataError, match="leads out of the data folder"):
        manifest.dataset("d")


def test_entries_of_other_data_sets_stay_in_the_manifest(fetch):
    other = {"name": "fineweb10B_sp9", "tokenizer_name": "sp9", "mine": 1}
    fetch.layout.data_dir.mkdir()
    fetch.layout.manifest.write_text(json.dumps({"version": "x", "datasets": [other], "tokenizers": [{"name": "sp9"}]}))
    assert fetch(1).returncode == 0
    manifest = json.loads(fetch.layout.manifest.read_text())
    assert manifest["version"] == "x"
    assert other in manifest["datasets"]
    assert [entry["name"] for entry in manifest["datasets"]] == ["fineweb10B_sp9", f"fineweb10B_{VARIANT}"]


CASEOPS = "democaseops1024"
SIDECAR = f"datasets/datasets/fineweb10B_{CASEOPS}/fineweb_val_bytes_000000.bin"


def fetch_caseops(pgolf_data, hub, data_dir: Path) -> subprocess.CompletedProcess:
    options = ["--variant", CASEOPS, "--repo", hub.repo, "--data-dir", data_dir, "--train-shards", 1]
    return pgolf_data("fetch", *options, HF_ENDPOINT=hub.url)


def test_a_caseops_variant_comes_with_its_side_cars_which_are_recorded(pgolf_data, caseops_hub, tmp_path):
    result = fetch_caseops(pgolf_data, caseops_hub, tmp_path)
    assert result.returncode == 0, result.stderr
    layout = Layout(tmp_path, CASEOPS)
    assert layout.sidecar(0).read_bytes() == caseops_hub.files[SIDECAR]
    entry = json.loads(layout.manifest.read_text())["datasets"][0]
    assert sorted(path.rsplit("/")[-1] for path in entry["files"]) == [
        "fineweb_train_000000.bin", "fineweb_val_000000.bin", "fineweb_val_bytes_000000.bin"
    ]  # fmt: skip
    assert pgolf_data("check", "--variant", CASEOPS, "--data-dir", tmp_path).returncode == 0
    caseops_hub.requests.clear()
    assert "fetched 0 files" in fetch_caseops(pgolf_data, caseops_hub, tmp_path).stdout


def test_a_caseops_variant_without_side_cars_is_refused(pgolf_data, caseops_hub, tmp_path):
    del caseops_hub.files[SIDECAR]
    assert_refused(fetch_caseops(pgolf_data, caseops_hub, tmp_path), "has no file", SIDECAR)


def test_a_side_car_that_is_cut_off_is_refused(pgolf_data, caseops_hub, tmp_path):
    caseops_hub.files[SIDECAR] = caseops_hub.files[SIDECAR][:-2]
    assert_refused(fetch_caseops(pgolf_data, caseops_hub, tmp_path), SIDECAR, "truncated")
