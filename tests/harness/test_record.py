"""The record folder, and what keeps one from being written."""

import json
import re
import shutil
import statistics
from pathlib import Path

import pytest

from pgolf.harness import record
from pgolf.harness.resolve import resolve
from pgolf.harness.run import Run
from tests.command import SMOKE, finished, micro, pgolf, refused
from verify.finding import Status
from verify.report.as_json import from_json

SEEDS = "seeds=[1, 2, 3]"
FOLDER = Path("records") / "track_non_record_16mb" / "2026-04-30_smoke"


@pytest.fixture(scope="module")
def made(demo_dir, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("made")
    done = finished(micro("record", demo_dir, place, SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr
    (place / "stdout").write_text(done.stdout)
    return place


def copy_of(made: Path, place: Path) -> Path:
    shutil.copytree(made / "runs", place / "runs")
    return place


def test_a_record_folder_holds_what_the_challenge_asks_for(made):
    names = {path.name for path in (made / FOLDER).iterdir()}
    per_seed = {name for s in (1, 2, 3) for name in (f"run_seed{s}.json", f"train_seed{s}.log")}
    fixed = {"README.md", "submission.json", "train_gpt.py", "requirements.txt", "recipe.resolved.json", "verdict.json"}
    assert names == per_seed | fixed | {"training_loss.png", "bytes.png"}


def test_all_numbers_of_the_summary_follow_from_the_runs(made):
    runs = [json.loads((made / FOLDER / f"run_seed{s}.json").read_text()) for s in (1, 2, 3)]
    bpb = [run["scores"]["final"]["val_bpb"] for run in runs]
    said = json.loads((made / FOLDER / "submission.json").read_text())
    assert said["val_bpb"] == statistics.fmean(bpb)
    assert said["val_bpb_std"] == statistics.stdev(bpb)
    assert said["bytes_total"] == max(run["bytes"]["total"] for run in runs)
    assert said["bytes_code"] == (made / FOLDER / "train_gpt.py").stat().st_size
    readme = (made / FOLDER / "README.md").read_text()
    for run in runs:
        assert f"**{run['scores']['final']['val_bpb']:.8f}**" in readme


def test_the_logs_say_what_the_run_records_say(made):
    for seed in (1, 2, 3):
        log = (made / FOLDER / f"train_seed{seed}.log").read_text()
        run = json.loads((made / FOLDER / f"run_seed{seed}.json").read_text())
        loss, bpb = re.findall(r"^quantized_sliding_window val_loss:(\S+) val_bpb:(\S+)", log, re.MULTILINE)[-1]
        assert (loss, bpb) == tuple(f"{run['scores']['final'][key]:.8f}" for key in ("val_loss", "val_bpb"))
        assert f"Total submission size quantized+brotli: {run['bytes']['total']} bytes" in log


def test_a_run_record_keeps_inside_and_outside_times(made):
    run = json.loads((made / FOLDER / "run_seed1.json").read_text())
    phases = [phase for stage in run["stages"].values() for phase in stage["phases"]]
    assert [phase["phase"] for phase in phases] == ["train", "calibrate", "evaluate", "diagnose", "diagnose"]
    assert all(abs(phase["seconds"] - phase["own_seconds"]) < 1.0 for phase in phases)
    assert len(run["data"]["sha256"]) == 10
    assert run["fresh_process"]["bit_identical"] is True


def test_the_same_record_is_not_written_twice(made, demo_dir):
    before = {path: path.stat().st_mtime_ns for path in (made / FOLDER).iterdir()}
    done = finished(micro("record", demo_dir, made, SEEDS))
    assert done.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in (made / FOLDER).iterdir()} == before


def test_folders_may_be_relative(demo_dir, tmp_path):
    (tmp_path / "data").symlink_to(demo_dir)
    argv = micro("record", Path("data"), Path())
    done = finished(argv, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"record {FOLDER}"
    assert (tmp_path / FOLDER / "README.md").is_file()


def test_a_record_lacks_no_seed(made, demo_dir):
    message = refused(finished(micro("record", demo_dir, made, SEEDS, options=("--seed", "1"))), 2)
    assert message == "pgolf: no record: seeds 2, 3 of the recipe have not been run. Run without --seed.\n"


def test_another_record_of_the_same_day_and_name_is_refused(made, demo_dir, tmp_path):
    place = copy_of(made, tmp_path)
    shutil.copytree(made / FOLDER, place / FOLDER)
    path = place / FOLDER / "run_seed1.json"
    path.write_text(path.read_text().replace('"scores"', '"other"'))
    message = refused(finished(micro("record", demo_dir, place, SEEDS)), 2)
    assert "holds another record" in message


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("budgets.artifact_bytes=20000", "over 20,000. Lower quant bits"),
        ("budgets.train_seconds=0.01", "over 0 s. Raise budgets.calibration_reserve_seconds"),
        ("budgets.eval_seconds=0.01", "over 0 s."),
    ],
)
def test_a_run_over_a_budget_is_no_record(demo_dir, tmp_path, change, found):
    changes = [change] + ["budgets.calibration_reserve_seconds=0.001"] * ("train_seconds" in change)
    message = refused(finished(micro("record", demo_dir, tmp_path, *changes)), 4)
    assert message.startswith("pgolf: no record: seed 1: ")
    assert found in message
    assert not (tmp_path / "records").exists()


def test_an_artifact_that_does_not_give_its_score_is_no_record(made, demo_dir, tmp_path):
    """Seed 2's model in the place of seed 1's is a valid artifact with another score."""
    place = copy_of(made, tmp_path)
    runs = place / "runs" / "smoke"
    shutil.copyfile(runs / "2" / "3_package" / "model.bin", runs / "1" / "3_package" / "model.bin")
    message = refused(finished(micro("record", demo_dir, place, SEEDS)), 5)
    assert "no record: seed 1: the artifact gives" in message
    assert not (place / "records").exists()


def test_a_run_begun_with_another_recipe_is_not_continued(made, demo_dir):
    message = refused(finished(micro("run", demo_dir, made, SEEDS, "optim.matrix.lr=0.03")), 2)
    assert "was begun with something else (optim.matrix.lr: 0.02 -> 0.03)" in message


def test_seeds_may_be_added_to_a_run(made, demo_dir, tmp_path):
    place = copy_of(made, tmp_path)
    done = finished(micro("run", demo_dir, place, "seeds=[1, 2, 3, 4]"))
    assert done.returncode == 0, done.stderr
    assert sum("done before" in line for line in done.stdout.splitlines()) == 15
    assert (place / "runs" / "smoke" / "4" / "run.json").is_file()


def test_other_data_under_the_same_name_are_noticed(made, demo_dir, tmp_path):
    """The run folder remembers what it was begun with; here that was another first shard."""
    place = copy_of(made, tmp_path)
    begun = place / "runs" / "smoke" / "data.json"
    begun.write_text(json.dumps(json.loads(begun.read_text()) | {"fineweb_train_000000.bin": "0" * 64}))
    message = refused(finished(micro("run", demo_dir, place, SEEDS)), 2)
    assert "was begun with something else (data file fineweb_train_000000.bin)" in message


def test_what_the_script_does_not_know_may_change_and_is_judged_anew(made, demo_dir):
    message = refused(finished(micro("record", demo_dir, made, SEEDS, "budgets.artifact_bytes=20000")), 4)
    assert "over 20,000. Lower quant bits" in message


def test_a_fresh_seed_leaves_the_other_seeds_alone(made, demo_dir, tmp_path):
    place = copy_of(made, tmp_path)
    runs = place / "runs" / "smoke"
    before = {seed: (runs / seed / "1_train" / "stage.json").stat().st_mtime_ns for seed in ("1", "2", "3")}
    assert finished(micro("run", demo_dir, place, SEEDS, options=("--seed", "2", "--fresh"))).returncode == 0
    after = {seed: (runs / seed / "1_train" / "stage.json").stat().st_mtime_ns for seed in ("1", "2", "3")}
    assert [seed for seed in before if before[seed] != after[seed]] == ["2"]


def test_a_bad_date_is_refused(made, demo_dir):
    argv = micro("record", demo_dir, made, SEEDS, options=("--date", "yesterday"))
    assert "--date yesterday: allowed: YYYY-MM-DD" in refused(finished(argv), 2)


def test_an_unknown_seed_is_refused(demo_dir, tmp_path):
    argv = micro("run", demo_dir, tmp_path, options=("--seed", "7"))
    assert "--seed 7: not a seed of the recipe; allowed: 1." in refused(finished(argv), 2)


def test_a_missing_recipe_is_refused():
    assert "nothing.yaml: No such file or directory." in refused(pgolf("run", "nothing.yaml"), 2)


@pytest.mark.parametrize(
    ("codec", "package"),
    [
        ("{kind: zstd, level: 22, shuffle: 1}", "zstandard"),
        ("{kind: constriction, symbols: {kind: table}, rest: {kind: zlib, level: 9, shuffle: 2}}", "constriction"),
    ],
)
def test_the_requirements_name_the_compressor_that_the_recipe_uses(codec, package, tmp_path):
    def required(*changes):
        text = record.requirements(Run(resolve(SMOKE, changes), tmp_path, None))
        return {line.split("==")[0] for line in text.splitlines()}

    assert required(f"codec={codec}") - required() == {package}
    assert required() - {"flash_attn_3"} == {"torch", "numpy", "sentencepiece", "brotli"}


def test_the_audit_reads_a_record_as_its_run_records_tell_it(made):
    verdict = from_json((made / FOLDER / "verdict.json").read_text())
    assert {result.code for result in verdict.of(Status.FAIL)} == {"val-identity.tokens"}  # demo data
    assert [row.seed for row in verdict.seeds] == [1, 2, 3]
    for row in verdict.seeds:
        run = json.loads((made / FOLDER / f"run_seed{row.seed}.json").read_text())
        assert (row.role, row.bpb_matches, row.bytes_match) == ("claimed", True, True)
        assert row.logged_bytes == run["bytes"]["total"]
        assert row.train_seconds == pytest.approx(run["train"]["seconds"], abs=0.001)
        assert row.steps == run["train"]["steps"]
