"""`pgolf data prepare`: shards as a few plain lines make them, the challenge's split and no other, all of it or nothing."""

import gzip
import hashlib
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import zstandard
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pgolf.commands.data import data
from pgolf.commands.data import prepare as command
from pgolf.core.errors import DataError, InputError, StageError
from pgolf.data.shards import open_shard
from pgolf.harness.dataset import blocks, known, stdlib_text
from pgolf.harness.dataset.caseops import MARKS, encode
from pgolf.harness.dataset.check import check
from pgolf.harness.dataset.documents import Documents
from pgolf.harness.dataset.encoding import encode_documents
from pgolf.harness.dataset.layout import Layout, file_sha256
from pgolf.harness.dataset.prepare import OFFICIAL, Split, chosen, prepare

ODD = [
    "½ … ﬁne  two  spaces\n\nnew™",
    f"literal {MARKS[0]}M{MARKS[3]}{MARKS[2]} marks",
    "日本語 ABC iPhone",
    "",
    " \n",
    "\0x",
]
SPLIT = Split(validation_documents=40, shard_tokens=3000)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [*stdlib_text.documents()[:30], *ODD, *stdlib_text.documents()[30:120], *(f"X{text}Y" for text in ODD)]


@pytest.fixture(scope="module")
def source(texts, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "docs_selected.jsonl"
    path.write_text("".join(json.dumps({"text": text, "id": 7}) + "\n" for text in texts))
    return path


@pytest.fixture(scope="module")
def model(caseops_dir) -> Path:
    return Layout(caseops_dir, "democaseops1024").tokenizer


def layout_in(folder: Path, variant: str = "spcaseops") -> Layout:
    return Layout(folder / "data", variant)


def stream(layout: Layout, pattern: str) -> tuple[list[int], list[int]]:
    """All numbers of the shards in order, and how many each has."""
    shards = [open_shard(path) for path in sorted(layout.folder.glob(pattern))]
    return np.concatenate(shards).tolist(), [len(shard) for shard in shards]


def left_over(layout: Layout) -> list[str]:
    return [path.name for path in layout.folder.parent.glob("*")] + [
        path.name for path in layout.folder.parent.glob(".*")
    ]


@pytest.fixture(scope="module")
def made(source, model, tmp_path_factory):
    layout = layout_in(tmp_path_factory.mktemp("made"))
    return layout, prepare(layout, source, 1024, model, None, 1, SPLIT)


def test_shards_hold_bos_and_encode_of_each_transformed_document_in_order(made, texts, model):
    layout, _ = made
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    expected = [[1, *tokenizer.encode(encode(text))] for text in texts]
    for split, documents in (("val", expected[:40]), ("train", expected[40:])):
        tokens, lengths = stream(layout, f"fineweb_{split}_[0-9]*.bin")
        assert tokens == [token for document in documents for token in document]
        assert len(lengths) > 2
        assert set(lengths[:-1]) == {3000}
        assert 0 < lengths[-1] <= 3000


def test_side_cars_stand_beside_validation_shards_and_come_to_the_bytes_of_each_document(made, texts):
    layout, done = made
    tokens, lengths = stream(layout, "fineweb_val_[0-9]*.bin")
    sizes, side_lengths = stream(layout, "fineweb_val_bytes_*.bin")
    assert side_lengths == lengths
    starts = np.flatnonzero(np.array(tokens) == 1)
    assert len(starts) == 40
    assert {sizes[start] for start in starts} == {0}
    found = np.add.reduceat(sizes, starts).tolist()
    assert found == [len(text.strip().encode()) for text in texts[:40]]  # SentencePiece drops spaces at both ends
    assert done.numbers["bytes_val"] == sum(found)


def test_the_files_are_the_same_from_any_number_of_processes(made, source, model, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_DOCUMENTS", 9)
    assert prepare(layout_in(tmp_path), source, 1024, model, None, 3, SPLIT).digest == made[1].digest


def test_what_was_prepared_passes_the_check(made):
    report = check(made[0])
    assert [finding.code for finding in report.findings] == []
    assert report.facts["val_documents"] == 40


def test_the_manifest_says_from_which_documents_it_was_made(made, source):
    (entry,) = json.loads(made[0].manifest.read_text())["datasets"]
    assert entry["prepared"]["documents_sha256"] == file_sha256(source)
    assert entry["prepared"]["text_transform"] == "lossless_caps_caseops_v1"
    assert entry["stats"]["docs_val"] == 40


def test_the_official_split_is_the_first_50_000_documents_and_no_option_changes_it(source, model, tmp_path):
    assert OFFICIAL.validation_documents == known.VALIDATION_DOCUMENTS == 50_000
    assert OFFICIAL.shard_tokens == 100_000_000
    names = {name for parameter in command.params for name in parameter.opts}
    assert names == {
        "documents", "--format", "--vocab-size", "--tokenizer", "--tokenizer-documents", "--variant", "--jobs", "--data-dir"
    }  # fmt: skip
    with pytest.raises(InputError, match=r"132 documents; the first 50,000 are the validation split"):
        prepare(layout_in(tmp_path), source, 1024, model)


@pytest.mark.parametrize("documents", [132, 133])
def test_documents_that_leave_nothing_to_train_on_are_refused(source, model, tmp_path, documents):
    with pytest.raises(InputError, match="132 documents"):
        prepare(layout_in(tmp_path), source, 1024, model, None, 1, Split(documents))
    assert left_over(layout_in(tmp_path)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_line_that_is_no_document_is_named_and_nothing_is_left(texts, model, tmp_path, jobs):
    lines = [json.dumps({"text": text}) for text in texts]
    lines[100] = '{"txt": 1}'
    (tmp_path / "docs.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"docs\.jsonl: line 101: no text"):
        prepare(layout_in(tmp_path), tmp_path / "docs.jsonl", 1024, model, None, jobs, SPLIT)
    assert left_over(layout_in(tmp_path)) == []


@pytest.mark.parametrize(
    "line", ["hello", "[1]", "null", '"text"', '{"text": 3}', '{"text": "\\ud800"}', '{"text": "a"']
)
def test_a_first_line_that_is_no_document_is_refused_at_once(model, tmp_path, line):
    (tmp_path / "docs.jsonl").write_text(line)
    with pytest.raises(DataError, match="line 1"):
        prepare(layout_in(tmp_path), tmp_path / "docs.jsonl", 1024, model, None, 1, SPLIT)


def test_a_process_that_is_killed_is_an_error_and_no_endless_wait(source, model):
    def lines():
        yield blocks.Block([(1, b'{"text": "a"}')], False)
        for process in multiprocessing.active_children():
            process.kill()
        yield from (blocks.Block([(2, b'{"text": "b"}')], False) for _ in range(20))

    with pytest.raises(StageError, match="one of 2 processes was killed"):
        list(blocks.in_order(lines(), 2, (model, True, source)))


def test_a_data_set_that_is_there_is_left_alone(made, source, model):
    with pytest.raises(InputError, match="is there already"):
        prepare(made[0], source, 1024, model, None, 1, SPLIT)


def test_what_a_killed_one_left_is_cleared_away(made, source, model, tmp_path):
    layout = layout_in(tmp_path)
    partial = layout.folder.with_name(f".{layout.folder.name}.partial")
    partial.mkdir(parents=True)
    (partial / "fineweb_train_000099.bin").write_bytes(b"x")
    assert prepare(layout, source, 1024, model, None, 1, SPLIT).digest == made[1].digest
    assert left_over(layout) == [layout.folder.name]


def packed(name: str, content: bytes) -> bytes:
    if name == "gzip":
        return gzip.compress(content)
    half = len(content) // 2  # two frames, as parallel compressors write them
    return b"".join(zstandard.ZstdCompressor().compress(part) for part in (content[:half], content[half:]))


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_packed_documents_are_the_same_documents(source, tmp_path, name):
    path = tmp_path / "docs"
    path.write_bytes(packed(name, source.read_bytes()))
    reads: list[int] = []
    assert list(Documents(path).lines(reads.append)) == list(Documents(source).lines())
    assert sum(reads) == path.stat().st_size
    assert Documents(path).sha256() == file_sha256(source)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("fraction", [0.3, 0.9])
def test_packed_documents_that_were_cut_off_are_refused(source, tmp_path, name, fraction):
    path = tmp_path / "docs"
    whole = packed(name, source.read_bytes())
    path.write_bytes(whole[: int(fraction * len(whole))])
    with pytest.raises(DataError, match="cut off"):
        list(Documents(path).lines())


def test_blank_lines_are_no_documents(tmp_path):
    (tmp_path / "docs").write_text('\n{"text": "a"}\n  \n{"text": "b"}\n\n')
    documents = Documents(tmp_path / "docs")
    assert list(documents.texts()) == ["a", "b"]
    assert documents.count(10) == 2
    assert [number for number, _ in documents.lines()] == [2, 4]


def test_documents_that_are_not_the_published_ones_are_refused(source, model, tmp_path):
    path = tmp_path / "docs_selected.jsonl"
    path.write_bytes(source.read_bytes())
    said = tmp_path / "docs_selected.source_manifest.json"
    said.write_text(json.dumps({"docs_sha256": hashlib.sha256(b"other").hexdigest()}))
    with pytest.raises(DataError, match="other documents, or in another order"):
        prepare(layout_in(tmp_path), path, 1024, model, None, 1, SPLIT)
    said.write_text(json.dumps({"docs_sha256": file_sha256(source)}))
    prepare(layout_in(tmp_path), path, 1024, model, None, 1, SPLIT)


def test_a_trained_tokenizer_has_the_published_ids_and_no_capitals(source, tmp_path):
    layout = layout_in(tmp_path)
    done = prepare(layout, source, 700, None, 100, 1, SPLIT)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(layout.tokenizer))
    pieces = [tokenizer.id_to_piece(i) for i in range(tokenizer.vocab_size())]
    assert pieces[:9] == ["<pad>", "<s>", "</s>", "<unk>", *MARKS, "<0x00>"]
    assert len(pieces) == done.numbers["vocab_size"] == 700
    assert [piece for piece in pieces[264:] if any("A" <= char <= "Z" for char in piece)] == []
    assert "\u2581" in pieces
    with pytest.raises(InputError, match="a tokenizer is there already"):
        prepare(Layout(layout.data_dir, layout.variant), *again(layout, source))


def again(layout: Layout, source: Path) -> tuple:
    """The data set deleted, its tokenizer left."""
    for path in layout.folder.iterdir():
        path.unlink()
    layout.folder.rmdir()
    return source, 700, None, 100, 1, SPLIT


def test_plain_text_needs_no_side_car_and_is_counted_by_its_pieces(demo_dir, source, texts, tmp_path):
    layout = layout_in(tmp_path, "spplain")
    model = Layout(demo_dir, "demo1024").tokenizer
    done = prepare(layout, source, 1024, model, None, 1, SPLIT)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    tokens, _ = stream(layout, "fineweb_val_*.bin")
    assert tokens == [token for text in texts[:40] for token in [1, *tokenizer.encode(text)]]
    assert done.numbers["bytes_val"] == sum(
        len(tokenizer.decode(tokenizer.encode(text)).encode()) for text in texts[:40]
    )
    assert check(layout).findings == []


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(lambda text: f"A{text}Z"))
def test_the_side_car_of_any_document_comes_to_its_utf8_length(model, text):
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    (tokens_N,), (bytes_N,) = encode_documents(tokenizer, [text], True, True)
    assert len(tokens_N) == len(bytes_N)
    assert bytes_N.sum() == len(text.encode())


def test_a_token_for_more_bytes_than_an_entry_holds_is_refused(model, tmp_path):
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a", f"b{' ' * 70_000}c", "d")))
    with pytest.raises(DataError, match="line 2: one token stands for 70,001 bytes"):
        prepare(layout_in(tmp_path), path, 1024, model, None, 1, Split(2))


OPTIONS = {
    "--format=plain --tokenizer=MODEL": "has the marks of CaseOps",
    "--format=caseops --tokenizer=PLAIN": "allowed: 4, 5, 6, 7",
    "--format=caseops --tokenizer=MODEL --vocab-size=8192": "has 1024 pieces",
    "--format=caseops --tokenizer=MODEL --tokenizer-documents=5": "nothing is trained",
    "--format=caseops --variant=sp1024": "has caseops in its name",
    "--format=plain --variant=mycaseops": "does not have caseops in its name",
    "--format=plain --vocab-size=65537": "up to 65,536",
    "--format=plain --tokenizer=nowhere": "no such file",
    "--format=plain": "cannot be read (No such file or directory)",
}


@pytest.mark.parametrize(("words", "message"), OPTIONS.items())
def test_options_that_do_not_fit_are_refused_in_one_line(demo_dir, model, tmp_path, words, message):
    words = words.replace("MODEL", str(model)).replace("PLAIN", str(Layout(demo_dir, "demo1024").tokenizer))
    arguments = ["prepare", str(tmp_path / "none.jsonl"), *words.split(), "--data-dir", str(tmp_path)]
    error = CliRunner().invoke(data, arguments).exception
    assert isinstance(error, InputError)
    assert message in str(error)
    assert "\n" not in str(error)


def test_the_names_are_the_published_ones(tmp_path, model):
    assert chosen(tmp_path, False, None, None, None, None) == (Layout(tmp_path, "sp8192"), 8192)
    layout, vocab = chosen(tmp_path, True, None, None, None, None)
    assert (layout.variant, vocab) == ("sp8192_lossless_caps_caseops_v1_reserved", 8192)
    assert layout.tokenizer.name == "fineweb_8192_bpe_lossless_caps_caseops_v1_reserved.model"
    assert layout.sidecar(0).name == "fineweb_val_bytes_000000.bin"
    assert chosen(tmp_path, True, "mycaseops", None, model, None) == (Layout(tmp_path, "mycaseops"), 1024)


def test_the_command_prints_what_it_made(source, model, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "__defaults__", (None, None, 1, SPLIT))
    arguments = [str(source), "--format=caseops", f"--tokenizer={model}", "--jobs=1", f"--data-dir={tmp_path}"]
    result = CliRunner().invoke(data, ["prepare", *arguments])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("val: 40 documents, ")
    assert result.stdout.splitlines()[-1].startswith(f"{tmp_path}/datasets/fineweb10B_sp1024_lossless_caps_caseops_v1")
