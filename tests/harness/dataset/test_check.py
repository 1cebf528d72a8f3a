"""`pgolf data check`: a clean data set passes, and one fault at a time is found for what it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pgolf.commands.data import data
from pgolf.core.errors import DataError, InputError
from pgolf.data.shards import open_shard
from pgolf.harness.dataset import overlap
from pgolf.harness.dataset.check import check
from pgolf.harness.dataset.demo import ensure_demo
from pgolf.harness.dataset.findings import Report
from pgolf.harness.dataset.layout import Layout, write_shard
from pgolf.harness.dataset.overlap import DocumentStream, Overlap

BOS = 1


@pytest.fixture
def layout(demo_copy) -> Layout:
    return Layout(demo_copy, "demo1024")


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def forget_digests(layout: Layout) -> None:
    """As the challenge's own downloader leaves it: a manifest without sizes and digests."""
    manifest = json.loads(layout.manifest.read_text())
    for entry in [*manifest["datasets"], *manifest["tokenizers"]]:
        entry.pop("files", None)
    layout.manifest.write_text(json.dumps(manifest))


def run(layout: Layout, *options: str) -> Result:
    arguments = ["check", "--variant", layout.variant, "--data-dir", str(layout.data_dir), *options]
    return CliRunner().invoke(data, arguments)


def test_the_demo_is_clean_and_its_missing_constants_are_unproven(layout):
    report = check(layout)
    assert report.findings == []
    assert [finding.code for finding in report.unproven] == ["constants"]
    assert report.facts["overlap_whole_documents"] == 0


def test_the_command_exits_0_when_clean_and_1_with_findings(layout):
    assert run(layout).exit_code == 0
    layout.shard("train", 5).unlink()
    result = run(layout)
    assert result.exit_code == 1
    assert [line for line in result.stdout.splitlines() if line.startswith("finding ")] == [
        "finding   shard-missing: 1 of 8 train shards missing, the first is fineweb_train_000005.bin; "
        "allowed: none missing. Run `pgolf data fetch` again."
    ]


def test_json_holds_findings_open_questions_and_facts(layout):
    layout.shard("train", 5).unlink()
    report = json.loads(run(layout, "--json").stdout)
    assert report["clean"] is False
    assert report["findings"][0]["code"] == "shard-missing"
    assert report["unproven"][0]["code"] == "constants"
    assert report["facts"]["train_shards"] == 7


def test_a_wrong_magic_number_is_found(layout):
    path = layout.shard("train", 2)
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    forget_digests(layout)
    report = check(layout)
    assert codes(report) == ["shard", "counts", "counts"]
    assert "fineweb_train_000002.bin" in report.findings[0].found
    assert "magic" in report.findings[0].found


def test_a_truncated_shard_is_found_by_its_header_and_by_its_recorded_size(layout):
    path = layout.shard("train", 2)
    path.write_bytes(path.read_bytes()[:-100])
    assert codes(check(layout))[:2] == ["size", "shard"]


def test_an_empty_file_is_found(layout):
    layout.shard("val", 0).write_bytes(b"")
    assert {"size", "shard"} <= set(codes(check(layout)))


def test_a_changed_byte_is_found_by_the_digest(layout):
    path = layout.shard("train", 7)
    path.write_bytes(path.read_bytes()[:-2] + b"\x09\x00")
    assert codes(check(layout)) == ["sha256"]


def test_an_id_beyond_the_vocabulary_is_found(layout):
    tokens_N = np.array(open_shard(layout.shard("train", 4)))
    tokens_N[1000] = 1024
    forget_digests(layout)
    write_shard(layout.shard("train", 4), tokens_N)
    report = check(layout)
    assert codes(report) == ["token-ids"]
    assert "holds id 1024" in report.findings[0].found


def test_a_split_that_does_not_begin_with_bos_is_found(layout):
    tokens_N = np.array(open_shard(layout.shard("val", 0)))
    forget_digests(layout)
    write_shard(layout.shard("val", 0), tokens_N[1:])
    assert "first-bos" in codes(check(layout))


def test_a_missing_validation_shard_is_found(layout):
    layout.shard("val", 0).unlink()
    assert "shard-missing" in codes(check(layout))


def test_more_shards_than_published_are_found(layout):
    write_shard(layout.shard("train", 8), np.array([BOS, 5, 6]))
    assert codes(check(layout)) == ["shard-extra"]


def test_only_the_shards_asked_for_are_read(layout):
    layout.shard("train", 7).write_bytes(b"damaged")
    assert check(layout, 7).clean
    assert not check(layout, 8).clean
    with pytest.raises(InputError, match="lists 8"):
        check(layout, 9)


def test_no_training_shards_leave_the_overlap_unproven(layout):
    report = check(layout, 0)
    assert report.clean
    assert "overlap" in [finding.code for finding in report.unproven]


def leak(layout: Layout, fraction: float) -> int:
    """Write the first `fraction` of the validation documents into training shard 1; returns how many these are."""
    val_N = open_shard(layout.shard("val", 0))
    starts = np.flatnonzero(val_N == BOS)
    count = int(fraction * len(starts))
    forget_digests(layout)
    train_N = open_shard(layout.shard("train", 1))
    write_shard(layout.shard("train", 1), np.concatenate([train_N, val_N[: starts[count]]]))
    return count


def test_validation_documents_in_training_are_counted_and_placed(layout):
    count = leak(layout, 0.8)
    report = check(layout)
    assert codes(report) == ["counts", "counts", "overlap", "overlap"]
    assert report.facts["overlap_whole_documents"] == count
    assert f"{count} of 316 validation documents are in training: fineweb_train_000001.bin ({count})" in str(
        report.findings[2]
    )


def test_a_few_recurring_documents_are_unproven_and_no_pass(layout):
    assert leak(layout, 0.007) == 2
    report = check(layout, 7)
    assert report.clean
    assert "2 of 316" in next(finding.found for finding in report.unproven if finding.code == "overlap")


def test_a_leak_cut_at_a_shard_border_is_still_found(layout):
    val_N = open_shard(layout.shard("val", 0))
    starts = np.flatnonzero(val_N == BOS)
    middle = int(starts[100] + starts[101]) // 2
    forget_digests(layout)
    write_shard(layout.shard("train", 0), val_N[:middle])
    write_shard(layout.shard("train", 1), val_N[middle:])
    assert check(layout, 2).facts["overlap_whole_documents"] == 316


def test_copies_cut_short_are_found_by_their_first_tokens(layout):
    val_N = open_shard(layout.shard("val", 0))
    documents = np.split(np.array(val_N), np.flatnonzero(val_N == BOS)[1:])
    long = [document for document in documents if len(document) > 100]
    forget_digests(layout)
    write_shard(layout.shard("train", 0), np.concatenate([document[:100] for document in long]))
    report = check(layout, 1)
    assert codes(report) == ["overlap"]
    assert (report.facts["overlap_whole_documents"], report.facts["overlap_head_documents"]) == (0, len(long))


def test_a_tokenizer_of_another_size_is_found(layout):
    ensure_demo(layout.data_dir, 512)
    layout.tokenizer.write_bytes(Layout(layout.data_dir, "demo512").tokenizer.read_bytes())
    forget_digests(layout)
    found = codes(check(layout))
    assert {"tokenizer", "token-ids", "tokenizer-fit"} <= set(found)


def test_a_tokenizer_of_the_same_size_from_other_text_is_found(layout):
    import sentencepiece

    from pgolf.harness.dataset.encoding import TRAINER

    texts = ["".join(chr(97 + (i * 7 + j * j) % 26) for j in range(40)) + " " + str(i) for i in range(2000)]
    with layout.tokenizer.open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, vocab_size=1024, **TRAINER
        )
    forget_digests(layout)
    assert codes(check(layout)) == ["tokenizer-fit", "val-bytes"]


def test_a_missing_tokenizer_is_found_and_bytes_are_unproven(layout):
    layout.tokenizer.unlink()
    report = check(layout)
    assert codes(report) == ["tokenizer"]
    assert "val-bytes" in [finding.code for finding in report.unproven]


def test_a_published_variant_must_come_to_the_published_counts(layout):
    sp = Layout(layout.data_dir, "sp8192")
    layout.folder.rename(sp.folder)
    layout.tokenizer.rename(sp.tokenizer)
    report = check(sp)
    assert codes(report) == ["val-tokens", "val-bytes", "val-documents"]
    assert "40,540,160" in report.findings[0].allowed
    assert {finding.code for finding in report.unproven} == {"manifest", "sha256"}


def test_no_data_set_and_a_damaged_manifest_are_bad_input(layout):
    with pytest.raises(DataError, match="only: fineweb10B_demo1024"):
        check(Layout(layout.data_dir, "sp8192"))
    layout.manifest.write_text("[]")
    with pytest.raises(DataError, match="not a data set manifest"):
        check(layout)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 20), st.integers(1, 7))
def test_documents_hash_alike_wherever_blocks_and_shards_are_cut(tokens, shard_tokens, block_tokens):
    """Against the formula, with tokens before the first bos in no document."""
    tokens_N = np.array(tokens, np.uint16)
    documents = np.split(tokens_N, np.flatnonzero(tokens_N == BOS))[1:]
    expected = [
        sum(int(overlap._R[token]) * pow(overlap.GENERATOR, i, 1 << 64) for i, token in enumerate(document)) % (1 << 64)
        for document in documents
    ]
    stream = DocumentStream(BOS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "BLOCK_TOKENS", block_tokens)
        ended = [stream.feed(tokens_N[i : i + shard_tokens]) for i in range(0, len(tokens_N), shard_tokens)]
    assert [int(h) for part in [*ended, stream.end()] for h in part] == expected


def test_the_overlap_of_a_split_with_itself_is_all_of_it(demo_dir):
    tokens_N = open_shard(Layout(demo_dir, "demo1024").shard("val", 0))
    found = Overlap(BOS)
    found.add_validation(tokens_N)
    found.freeze()
    ended = found.add_training(Path("a"), tokens_N) + found.end()
    assert found.whole == found.validation_documents == ended == 316
