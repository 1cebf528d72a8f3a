"""What stages hand to one another: files that every recipe has, and files that only some have."""

import hashlib
import json

import pytest

from pgolf.harness import stage
from pgolf.harness.datafiles import Files
from pgolf.harness.resolve import resolve
from tests.command import MICRO, SMOKE

TRAIN, QUANTIZE = stage.STAGES[:2]
SCRIPT = """\
import os, sys
from pathlib import Path
if sys.argv[1] == "train":
    Path("weights.pt").write_text("weights")
    if {watched}:
        Path("sensitivity.json").write_text("values")
else:
    Path("weights.q").write_text(" ".join(sorted(os.listdir())))
"""


@pytest.fixture
def job(demo_dir, tmp_path):
    def make(watched):
        (tmp_path / "train_gpt.py").write_text(SCRIPT.format(watched=watched))
        files = Files(resolve(SMOKE, MICRO), demo_dir)
        return stage.Job(tmp_path / "1", tmp_path / "train_gpt.py", 1, 1, files, kill_over_budget=True)

    return make


def ran(job):
    """What quantize found in its folder, and the record of train."""
    for one in (TRAIN, QUANTIZE):
        stage.run(job, one, lambda event: None)
    found = (job.folder / QUANTIZE.folder / "weights.q").read_text().split()
    return found, json.loads((job.folder / TRAIN.folder / "stage.json").read_text())


def test_a_file_that_only_some_recipes_write_goes_to_the_next_stage_and_into_the_record(job):
    found, record = ran(job(watched=True))
    assert found == ["data", "log.txt", "sensitivity.json", "train_gpt.py", "weights.pt"]
    digest = hashlib.sha256(b"values").hexdigest()
    assert record["outputs"]["sensitivity.json"] == {"bytes": 6, "sha256": digest}
    assert set(record["outputs"]) == {"weights.pt", "sensitivity.json"}


def test_a_recipe_that_does_not_write_it_does_without(job):
    found, record = ran(job(watched=False))
    assert found == ["data", "log.txt", "train_gpt.py", "weights.pt"]
    assert set(record["outputs"]) == {"weights.pt"}


def test_what_a_stage_was_given_is_not_left_among_what_it_made(job):
    made = job(watched=True)
    ran(made)
    left = {path.name for path in (made.folder / QUANTIZE.folder).iterdir()}
    assert left == {"weights.q", "stage.json", "log.txt"}


def test_a_file_that_every_recipe_writes_must_be_there(job):
    made = job(watched=True)
    stage.run(made, TRAIN, lambda event: None)
    (made.folder / TRAIN.folder / "weights.pt").unlink()
    with pytest.raises(FileNotFoundError):
        stage.run(made, QUANTIZE, lambda event: None)


def test_files_come_from_the_stage_that_gives_them():
    given = [name for one in stage.STAGES for name in (*one.gives, *one.may_give)]
    assert len(given) == len(set(given)) == len(stage.GIVEN_BY) == 5
    assert {name for one in stage.STAGES for name in one.needs} < set(given)
