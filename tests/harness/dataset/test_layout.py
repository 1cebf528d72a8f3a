"""Paths, whole files, shards and the local manifest."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pgolf.core.errors import DataError, InputError
from pgolf.data.shards import open_shard
from pgolf.harness.dataset.layout import Layout, file_sha256, locked, tokenizer_file_name, write_shard, write_whole
from pgolf.harness.dataset.manifest import read_manifest, record_dataset


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("sp1024", "fineweb_1024_bpe.model"),
        ("sp8192", "fineweb_8192_bpe.model"),
        ("demo512", "fineweb_demo512_bpe.model"),
        ("sp8192_lossless_caps_caseops_v1_reserved", "fineweb_8192_bpe_lossless_caps_caseops_v1_reserved.model"),
        ("democaseops1024", "fineweb_democaseops1024_bpe.model"),
    ],
)
def test_the_tokenizer_has_the_published_name(variant, name):
    assert tokenizer_file_name(variant) == name


@pytest.mark.parametrize("variant", ["", "../sp1024", "sp/1024", "sp 1024", ".hidden", "x" * 81])
def test_a_variant_that_is_no_plain_name_is_refused(variant):
    with pytest.raises(InputError, match="letters, digits and underscores"):
        Layout(Path("data"), variant)


@given(hnp.arrays(np.int64, st.integers(0, 300), elements=st.integers(0, 65535)))
def test_a_shard_reads_back_as_it_was_written(tmp_path_factory, tokens_N):
    path = tmp_path_factory.mktemp("shard") / "fineweb_train_000000.bin"
    write_shard(path, tokens_N)
    assert np.array_equal(open_shard(path), tokens_N)


@pytest.mark.parametrize("tokens", [[-1], [65536], [0.5], [[1, 2]]])
def test_tokens_that_no_shard_can_hold_are_refused_and_nothing_is_written(tmp_path, tokens):
    with pytest.raises(DataError):
        write_shard(tmp_path / "fineweb_train_000000.bin", np.array(tokens))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_no_partial_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--data-dir"), locked(tmp_path / "file" / "below" / ".lock"):
        pass


def test_byte_sidecars_and_dangling_links_are_no_shards(tmp_path):
    layout = Layout(tmp_path, "sp8192")
    write_shard(layout.shard("val", 0), np.arange(4))
    (layout.folder / "fineweb_val_bytes_000000.bin").write_bytes(b"x")
    layout.shard("val", 1).symlink_to(tmp_path / "nowhere")
    assert layout.shards("val") == {0: layout.shard("val", 0)}


def test_recording_a_data_set_replaces_its_entry_and_keeps_the_others(tmp_path):
    layout = Layout(tmp_path, "a")
    old = [{"name": "fineweb10B_a", "old": 1}, {"name": "fineweb10B_b", "unknown": [1]}]
    layout.manifest.write_text(json.dumps({"version": "10B", "mine": {"x": 1}, "datasets": old}))
    record_dataset(layout, {"name": "fineweb10B_a", "new": 2}, {"name": "t"}, {"version": "other", "shard_size": 5})
    assert json.loads(layout.manifest.read_text()) == {
        "version": "10B",
        "mine": {"x": 1},
        "shard_size": 5,
        "tokenizers": [{"name": "t"}],
        "datasets": [old[1], {"name": "fineweb10B_a", "new": 2}],
    }


def test_a_damaged_manifest_is_reported_and_never_written_over(tmp_path):
    layout = Layout(tmp_path, "a")
    layout.manifest.write_text('{"datasets": [')
    before = file_sha256(layout.manifest)
    with pytest.raises(DataError, match="not a data set manifest"):
        record_dataset(layout, {"name": "fineweb10B_a"}, {"name": "t"})
    assert file_sha256(layout.manifest) == before


@pytest.mark.parametrize(
    ("stats", "word"),
    [
        ({}, "files_train"),
        ({"files_train": "8", "files_val": 1}, "files_train"),
        ({"files_train": 8, "files_val": 0}, "files_val"),
    ],
)
def test_shard_counts_that_make_no_sense_are_named(tmp_path, stats, word):
    entry = {"name": "d", "tokenizer_name": "t", "stats": stats}
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": [entry]}))
    manifest = read_manifest(tmp_path / "manifest.json")
    assert manifest is not None
    with pytest.raises(DataError, match=word):
        manifest.dataset("d")
