"""`pgolf data demo`: the same files every time, two splits that share nothing, bytes that are the text's."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from pgolf.core.errors import InputError
from pgolf.data.bytes.pieces import byte_tables, load_tokenizer, target_bytes
from pgolf.data.shards import open_shard, validation_tokens
from pgolf.harness.dataset import caseops, stdlib_text
from pgolf.harness.dataset.demo import DatasetSummary, ensure_demo
from pgolf.harness.dataset.layout import Layout, file_sha256
from pgolf.harness.dataset.manifest import read_manifest


@pytest.fixture(scope="module")
def layout(demo_dir) -> Layout:
    return Layout(demo_dir, "demo1024")


@pytest.fixture(scope="module")
def summary(demo_dir) -> DatasetSummary:
    return ensure_demo(demo_dir, 1024)


@pytest.fixture(scope="module")
def tokenizer(layout) -> sentencepiece.SentencePieceProcessor:
    return load_tokenizer(layout.tokenizer, 1024)


def split_texts(layout: Layout, tokenizer: sentencepiece.SentencePieceProcessor, split: str) -> list[str]:
    """The documents of a split, decoded."""
    tokens_N = np.concatenate([open_shard(path) for path in layout.shards(split).values()])
    starts = np.flatnonzero(tokens_N == tokenizer.bos_id())
    return [tokenizer.decode(ids[1:].tolist()) for ids in np.split(tokens_N, starts[1:])]


def test_a_build_elsewhere_gives_the_same_digest_and_the_command_prints_it_last(pgolf_data, summary, tmp_path):
    result = pgolf_data("demo", "--vocab", 1024, "--data-dir", tmp_path / "other")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"digest {summary.digest}"


def test_a_finished_data_set_is_left_alone_and_nothing_is_written(summary, demo_copy):
    before = {path: path.stat().st_mtime_ns for path in demo_copy.rglob("*") if path.is_file()}
    for lock in demo_copy.glob(".*.lock"):
        lock.unlink()
    again = ensure_demo(demo_copy, 1024)
    assert (again.was_built, again.digest) == (False, summary.digest)
    assert {path: path.stat().st_mtime_ns for path in demo_copy.rglob("*") if path.is_file()} == {
        path: time for path, time in before.items() if path.suffix != ".lock"
    }


@pytest.mark.parametrize("damage", ["changed", "missing", "surplus"])
def test_a_damaged_data_set_is_built_again(summary, demo_copy, damage):
    shard = Layout(demo_copy, "demo1024").shard("train", 3)
    if damage == "changed":
        shard.write_bytes(shard.read_bytes()[:-2] + b"\x07\x00")
    elif damage == "missing":
        shard.unlink()
    else:
        shutil.copy(shard, shard.with_name("fineweb_train_000008.bin"))
    again = ensure_demo(demo_copy, 1024)
    assert (again.was_built, again.digest) == (True, summary.digest)
    assert len(Layout(demo_copy, "demo1024").shards("train")) == 8


def test_two_calls_at_once_build_once(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: ensure_demo(tmp_path, 512), range(2)))
    assert sorted(one.was_built for one in made) == [False, True]
    assert made[0].digest == made[1].digest


def test_two_vocabularies_share_a_data_dir_and_its_manifest(demo_copy, summary):
    ensure_demo(demo_copy, 512)
    manifest = read_manifest(demo_copy / "manifest.json")
    assert manifest is not None
    assert [entry["name"] for entry in manifest.datasets] == ["fineweb10B_demo1024", "fineweb10B_demo512"]
    assert ensure_demo(demo_copy, 1024).digest == summary.digest


def test_no_document_stands_in_both_splits(layout, tokenizer, summary):
    train, val = (split_texts(layout, tokenizer, split) for split in ("train", "val"))
    assert (len(train), len(val)) == (summary.docs_train, summary.docs_val)
    assert len(set(train) | set(val)) == len(train) + len(val)


def test_no_sentence_of_twenty_words_is_shared_by_much_of_a_validation_document(layout, tokenizer):
    def runs(text: str) -> set[tuple[str, ...]]:
        words = text.lower().split()
        return {tuple(words[i : i + 20]) for i in range(len(words) - 19)}

    train = set().union(*map(runs, split_texts(layout, tokenizer, "train")))
    validation = [runs(text) for text in split_texts(layout, tokenizer, "val")]
    shared = [len(own & train) / len(own) for own in validation if own]
    assert len(shared) > 200
    assert max(shared) < 0.25


def test_the_bytes_counted_are_those_of_the_normalised_text(layout, tokenizer, summary):
    texts = stdlib_text.documents()[: summary.docs_val]
    expected = sum(len(tokenizer.normalize(text).replace("\u2581", " ").encode()) for text in texts)
    tokens_N = validation_tokens(layout.folder, 1)
    counted = int(target_bytes(byte_tables(tokenizer, 1024), tokens_N).sum(dtype=np.int64))
    assert counted == expected == summary.bytes_val


def test_decoding_gives_back_the_normalised_documents_in_order(layout, tokenizer, summary):
    texts = stdlib_text.documents()
    assert len(texts) > 3000
    expected = [tokenizer.normalize(text).replace("\u2581", " ") for text in texts]
    assert split_texts(layout, tokenizer, "val") + split_texts(layout, tokenizer, "train") == expected


def test_eight_training_shards_are_about_equal_and_begin_with_a_document(layout, tokenizer):
    shards = [open_shard(path) for path in layout.shards("train").values()]
    assert len(shards) == 8
    assert all(tokens_N[0] == tokenizer.bos_id() for tokens_N in shards)
    assert max(map(len, shards)) < 1.05 * min(map(len, shards))


def test_the_tokenizer_has_the_challenge_ids_and_a_piece_for_the_space(tokenizer):
    ids = tokenizer.pad_id(), tokenizer.bos_id(), tokenizer.eos_id(), tokenizer.unk_id()
    assert ids == (0, 1, 2, 3)
    assert tokenizer.vocab_size() == 1024
    assert tokenizer.piece_to_id("\u2581") != tokenizer.unk_id()
    assert tokenizer.encode("a1234", out_type=str)[-4:] == ["1", "2", "3", "4"]


def test_the_text_is_large_enough_to_train_on(summary):
    assert 100_000 < summary.bytes_val < 200_000
    assert summary.bytes_train > 1_200_000


def test_every_file_is_in_the_manifest_with_its_size_and_digest(layout):
    manifest = read_manifest(layout.manifest)
    assert manifest is not None
    dataset = manifest.dataset(layout.dataset_name)
    assert len(dataset.files) == 9
    for key, record in dataset.files.items():
        path = layout.data_dir / key
        assert (path.stat().st_size, file_sha256(path)) == (record.size_bytes, record.sha256)


@pytest.mark.parametrize(
    ("vocab", "words"), [(0, "up to 65,536"), (300, "bytes and letters alone"), (60_000, "at most")]
)
def test_a_vocabulary_the_text_cannot_give_is_refused(tmp_path, vocab, words):
    with pytest.raises(InputError, match=words):
        ensure_demo(tmp_path, vocab)


def test_the_caseops_twin_has_the_same_documents_transformed_and_their_bytes(
    caseops_dir, pgolf_data, summary, tmp_path
):
    layout = Layout(caseops_dir, "democaseops1024")
    made = ensure_demo(caseops_dir, 1024, is_caseops=True)
    assert (made.was_built, made.variant) == (False, "democaseops1024")
    assert (made.docs_val, made.docs_train) == (summary.docs_val, summary.docs_train)
    tokenizer = load_tokenizer(layout.tokenizer, 1024)
    texts = stdlib_text.documents()
    expected = [tokenizer.normalize(caseops.encode(text)).replace("\u2581", " ") for text in texts]
    assert split_texts(layout, tokenizer, "val") + split_texts(layout, tokenizer, "train") == expected
    assert made.bytes_val == sum(len(text.encode()) for text in texts[: made.docs_val])
    assert made.bytes_val == open_shard(layout.sidecar(0)).sum(dtype=np.int64)
    result = pgolf_data("demo", "--caseops", "--data-dir", tmp_path)
    assert result.stdout.splitlines()[-1] == f"digest {made.digest}"


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_twin_with_a_damaged_side_car_is_built_again(caseops_dir, tmp_path, damage):
    layout = Layout(Path(shutil.copytree(caseops_dir, tmp_path / "data")), "democaseops1024")
    whole = layout.sidecar(0).read_bytes()
    if damage == "changed":
        layout.sidecar(0).write_bytes(whole[:-2] + b"\x07\x00")
    else:
        layout.sidecar(0).unlink()
    assert ensure_demo(layout.data_dir, 1024, is_caseops=True).was_built
    assert layout.sidecar(0).read_bytes() == whole
