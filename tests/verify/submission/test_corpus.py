"""The reader against ground truth, field by field, and over all real folders at hand. Skipped where they are not."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from verify.folder import FolderTree
from verify.submission.metadata import read_metadata
from verify.submission.model import Metadata
from verify.submission.read import read_submission
from verify.submission.text import decode

CORPUS = os.environ.get("PGOLF_CORPUS")
NAMES = {"train_time_s": "train_seconds", "eval_time_s": "eval_seconds"}
NOT_COMPARED = {"source_file", "raw_keys"}  # where it stands, not what it says
NOT_OF_SEEDS = {"ms_per_step"}  # follows from steps and time
FIELDS_MIN = 450


def said(found: Metadata, field: str) -> Any:
    if field == "artifact_bytes_key":
        return found.keys.get("artifact_bytes")
    if field == "seeds":
        return list(found.seeds)
    return getattr(found, NAMES.get(field, field))


def differences(claimed: dict[str, Any], found: Metadata) -> tuple[int, list[str]]:
    """How many values were compared, and those that differ."""
    by_seed = {str(claim.seed): claim for claim in found.seed_results}
    pairs = [
        (field, value, said(found, field))
        for field, value in claimed.items()
        if value is not None and field not in {*NOT_COMPARED, "seed_results"}
    ]
    for seed, values in (claimed.get("seed_results") or {}).items():
        pairs += [
            (f"{seed}.{field}", value, getattr(by_seed.get(seed), NAMES.get(field, field), None))
            for field, value in values.items()
            if value is not None and field not in NOT_OF_SEEDS
        ]
    return len(pairs), [f"{field}: {wanted!r} is read as {got!r}" for field, wanted, got in pairs if wanted != got]


@pytest.mark.skipif(not CORPUS, reason="PGOLF_CORPUS is not set")
def test_every_claimed_value_of_the_corpus_is_read_as_the_truth_has_it():
    corpus = Path(CORPUS or "")
    compared, wrong = 0, []
    for record in json.loads((corpus / "truth.json").read_text()):
        name = record["claimed"].get("source_file")
        if not name:
            continue
        path = corpus / record["track"] / record["folder"] / name
        found, problems = read_metadata(name, decode(path.read_bytes()).text)
        assert problems == []
        count, different = differences(record["claimed"], found)
        compared += count
        wrong += [f"{record['folder']}: {text}" for text in different]
    assert compared >= FIELDS_MIN
    assert wrong == []


@pytest.mark.skipif(not CORPUS, reason="PGOLF_CORPUS is not set")
def test_every_folder_of_the_corpus_is_read_from_the_file_the_truth_names():
    corpus = Path(CORPUS or "")
    wrong = []
    for record in json.loads((corpus / "truth.json").read_text()):
        folder = corpus / record["track"] / record["folder"]
        if not folder.is_dir():
            continue  # the one folder of which upstream holds nothing that the corpus takes
        submission = read_submission(FolderTree(folder))
        if submission.metadata.file != record["claimed"].get("source_file"):
            wrong.append((record["folder"], submission.metadata.file))
        assert submission.track == ("10min" if "10min" in record["track"] else "non_record")
        logs = {
            seed["log_file"]
            for seed in record["per_seed"]
            if seed["log_file"] and (folder / seed["log_file"]).is_file()
        }
        assert logs <= {log.path for log in submission.logs} | {None}
    assert wrong == []
