"""`pgolf data check` of a CaseOps variant: its side-cars, its transform, and how its documents are divided."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pgolf.data.shards import open_shard
from pgolf.harness.dataset import known
from pgolf.harness.dataset.check import check
from pgolf.harness.dataset.check_text import check_division
from pgolf.harness.dataset.findings import Report
from pgolf.harness.dataset.layout import Layout, write_shard
from pgolf.harness.dataset.manifest import read_manifest

BOS = 1


@pytest.fixture
def layout(caseops_dir, tmp_path) -> Layout:
    return Layout(Path(shutil.copytree(caseops_dir, tmp_path / "data")), "democaseops1024")


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def rewrite(layout: Layout, change) -> np.ndarray:
    """The side-car changed, and its digest forgotten: what is found then was found in the numbers."""
    manifest = json.loads(layout.manifest.read_text())
    for entry in [*manifest["datasets"], *manifest["tokenizers"]]:
        entry.pop("files", None)
        entry.get("stats", {}).pop("bytes_val", None)
    layout.manifest.write_text(json.dumps(manifest))
    bytes_N = change(np.array(open_shard(layout.sidecar(0)), np.int64))
    write_shard(layout.sidecar(0), bytes_N)
    return bytes_N


def test_the_twin_of_the_demo_is_clean_and_its_bytes_are_those_of_its_side_car(layout):
    report = check(layout)
    assert report.findings == []
    assert [finding.code for finding in report.unproven] == ["constants"]
    assert report.facts["val_bytes"] == open_shard(layout.sidecar(0)).sum(dtype=np.int64)
    assert report.facts["val_bytes"] == read_manifest(layout.manifest).dataset(layout.dataset_name).stats.bytes_val


def test_a_missing_side_car_is_found_and_its_bytes_are_not_guessed(layout):
    layout.sidecar(0).unlink()
    report = check(layout)
    assert codes(report) == ["sidecar"]
    assert "fineweb_val_bytes_000000.bin missing" in str(report.findings[0])
    assert "val_bytes" not in report.facts


def test_a_changed_side_car_is_found_by_its_digest(layout):
    data = layout.sidecar(0).read_bytes()
    layout.sidecar(0).write_bytes(data[:1030] + bytes([data[1030] ^ 1]) + data[1031:])
    assert codes(check(layout)) == ["sha256", "val-bytes"]


CHANGES = {
    "cut to half": (lambda bytes_N: bytes_N[: len(bytes_N) // 2], "sidecar"),
    "shifted by one": (lambda bytes_N: np.roll(bytes_N, 1), "sidecar-fit"),
    "of other tokens": (lambda bytes_N: bytes_N[::-1], "sidecar-fit"),
    "a byte more for each token": (lambda bytes_N: bytes_N + (bytes_N > 0), "sidecar-fit"),
    "a byte less for each token": (lambda bytes_N: np.maximum(bytes_N - 1, 0), "sidecar-fit"),
}


@pytest.mark.parametrize(("change", "code"), CHANGES.values(), ids=CHANGES)
def test_a_side_car_of_other_numbers_is_found(layout, change, code):
    rewrite(layout, change)
    assert code in codes(check(layout))


def test_marks_and_bos_that_stand_for_bytes_are_found(layout):
    tokens_N = open_shard(layout.shard("val", 0))
    marks_N = (tokens_N == BOS) | ((tokens_N >= 4) & (tokens_N <= 6))
    assert marks_N.sum() > 1000
    rewrite(layout, lambda bytes_N: bytes_N + 3 * marks_N)
    report = check(layout)
    assert codes(report) == ["sidecar-marks"]
    assert f"{marks_N.sum():,} of their tokens" in report.findings[0].found


def test_documents_whose_sums_differ_from_their_tokens_are_counted(layout):
    """Every one of them has a run of spaces or a character that SentencePiece writes in another way, or is the one changed."""
    before = check(layout).facts
    tokens_N = open_shard(layout.shard("val", 0))
    starts = np.flatnonzero(tokens_N == BOS)
    assert 0 < before["sidecar_documents_differing"] < len(starts)
    expected = before["sidecar_surplus_bytes"] + 7

    def more(bytes_N: np.ndarray) -> np.ndarray:
        bytes_N[int(starts[3]) + 20] += 7
        return bytes_N

    rewrite(layout, more)
    assert check(layout).facts["sidecar_surplus_bytes"] == expected


def test_more_bytes_than_the_text_has_are_a_warning(layout):
    """Few tokens, so that most entries fit; the demo itself is let off, for the indented text that it is."""
    renamed = Layout(layout.data_dir, "spcaseops")
    rewrite(layout, lambda bytes_N: bytes_N + 60 * (np.arange(len(bytes_N)) % 50 == 0) * (bytes_N > 0))
    layout.folder.rename(renamed.folder)
    layout.tokenizer.rename(renamed.tokenizer)
    report = check(renamed)
    assert codes(report) == []
    assert "sidecar-sums" in [finding.code for finding in report.unproven]


def test_text_that_no_transform_has_written_is_found(demo_dir, tmp_path):
    plain = Layout(Path(shutil.copytree(demo_dir, tmp_path / "data")), "demo1024")
    layout = Layout(plain.data_dir, "democaseops1024")
    plain.folder.rename(layout.folder)
    plain.tokenizer.rename(layout.tokenizer)
    write_shard(layout.sidecar(0), np.zeros(len(open_shard(layout.shard("val", 0))), np.int64))
    assert {"caseops", "sidecar-fit"} <= set(codes(check(layout)))


@pytest.mark.parametrize(
    ("shards", "shard_tokens", "documents", "words"),
    [
        (
            1499,
            10_000_000,
            10_000,
            "1,499 training shards and training shards of 10,000,000 tokens and 10,000 validation",
        ),
        (1499, 100_000_000, 50_000, "1,499 training shards"),
        (80, 10_000_000, 50_000, "shards of 10,000,000 tokens"),
        (80, 100_000_000, 10_000, "10,000 validation documents"),
    ],
)
def test_what_the_leaking_script_leaves_is_a_warning_that_names_it(shards, shard_tokens, documents, words):
    report = Report("sp8192_caseops", "data", facts={"val_documents": documents})
    check_division(report, shards, shard_tokens)
    assert report.findings == []
    assert words in report.unproven[0].found
    assert "issue 2127" in report.unproven[0].remedy


def test_the_published_division_is_no_warning():
    report = Report("x", "data", facts={"val_documents": known.VALIDATION_DOCUMENTS})
    check_division(report, 80, 100_000_000)
    assert report.unproven == []


def test_a_data_set_with_a_sign_of_the_leaking_script_is_warned_of(layout):
    renamed = Layout(layout.data_dir, "spcaseops")
    layout.folder.rename(renamed.folder)
    layout.tokenizer.rename(renamed.tokenizer)
    manifest = json.loads(layout.manifest.read_text())
    manifest["datasets"][0]["name"] = renamed.dataset_name
    manifest["datasets"][0]["stats"]["files_train"] = known.LEAK_TRAIN_SHARDS
    layout.manifest.write_text(json.dumps(manifest))
    assert "division" in [finding.code for finding in check(renamed, 8).unproven]
