"""Bytes by side-car: read as they were written, and refused when they belong to other tokens."""

import json

import numpy as np
import pytest

from pgolf.core import run
from pgolf.core.errors import DataError
from pgolf.data.bytes.sidecar import count, find_sidecars, read
from pgolf.data.shards import find_shards, open_shard, validation_tokens
from tests.recipes import write_shard

BOS = 1
TOKENS = [[BOS, 7, 8, 9], [10, BOS, 11, 12, 13]]  # two shards; a document runs across
BYTES = [[0, 3, 0, 60_000], [2, 0, 1, 1, 5]]


@pytest.fixture
def folder(tmp_path):
    for number, (tokens, sizes) in enumerate(zip(TOKENS, BYTES, strict=True)):
        write_shard(tmp_path, "val", number, tokens)
        write_shard(tmp_path, "val_bytes", number, sizes)
    return tmp_path


def test_every_target_has_its_own_entry_across_shards(folder):
    assert read(folder, validation_tokens(folder, 1)).tolist() == [3, 0, 60_000, 2, 0, 1, 1, 5]


def test_a_stream_cut_to_whole_windows_has_the_entries_of_its_targets(folder):
    tokens_N = validation_tokens(folder, 3)
    assert len(tokens_N) == 7
    assert read(folder, tokens_N).tolist() == [3, 0, 60_000, 2, 0, 1]


def test_sums_do_not_overflow(folder):
    assert read(folder, validation_tokens(folder, 1)).sum() == 60_012
    assert read(folder, validation_tokens(folder, 1)).dtype == np.int32


def test_side_cars_are_no_validation_shards(folder):
    assert [path.name for path in find_shards(folder, "val")] == ["fineweb_val_000000.bin", "fineweb_val_000001.bin"]
    assert len(find_sidecars(folder)) == 2


def test_a_recipe_counts_by_the_side_car_of_its_variant(folder, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(folder))
    place = folder / "datasets" / "fineweb10B_x"
    place.mkdir(parents=True)
    for path in folder.glob("*.bin"):
        path.rename(place / path.name)
    cfg = run.parse(json.dumps({"data": {"variant": "x"}}))
    assert count(cfg, validation_tokens(place, 1)).tolist() == [3, 0, 60_000, 2, 0, 1, 1, 5]


DAMAGE = {
    "none at all": lambda folder: [path.unlink() for path in find_sidecars(folder)],
    "one is missing": lambda folder: (folder / "fineweb_val_bytes_000000.bin").unlink(),
    "an entry too few": lambda folder: write_shard(folder, "val_bytes", 1, BYTES[1][:-1]),
    "an entry too many": lambda folder: write_shard(folder, "val_bytes", 0, [*BYTES[0], 1]),
    "as many, in other files": lambda folder: [
        write_shard(folder, "val_bytes", 0, BYTES[0][:-1]), write_shard(folder, "val_bytes", 1, [1, *BYTES[1]])
    ],
    "one too many": lambda folder: write_shard(folder, "val_bytes", 2, [0]),
    "of other tokens": lambda folder: write_shard(folder, "val_bytes", 1, BYTES[1][1:] + BYTES[1][:1]),
    "cut off": lambda folder: (folder / "fineweb_val_bytes_000001.bin").write_bytes(b"x" * 1030),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_side_cars_that_do_not_belong_to_the_shards_are_refused(folder, damage):
    damage(folder)
    with pytest.raises(DataError, match=str(folder)):
        read(folder, validation_tokens(folder, 1))


def test_the_last_tokens_need_no_entries_of_their_own_but_the_files_do(folder):
    """Checked before the stream is cut to whole windows: also what no window reaches must fit."""
    tokens_N = validation_tokens(folder, 3)
    write_shard(folder, "val_bytes", 1, BYTES[1][:-1])
    assert len(open_shard(folder / "fineweb_val_bytes_000001.bin")) == 4
    with pytest.raises(DataError, match=r"\[4, 4\] entries, validation shards \[4, 5\]"):
        read(folder, tokens_N)
