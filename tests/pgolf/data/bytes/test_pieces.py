"""Bytes of a token: against the published tables, and against the bytes of the text itself."""

import os
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import DataError
from pgolf.data.bytes.pieces import byte_tables, load_tokenizer, target_bytes
from pgolf.harness.datafiles import sha256_of
from tests.golden.load import settings, tensors
from tests.recipes import quick

GOLDEN, SETTINGS = tensors("tokenizer_bytes"), settings("tokenizer_bytes")
BOS = SETTINGS.bos_id
TABLES = "base_bytes", "has_leading_space", "is_boundary"


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "toy.model"
    path.write_bytes(GOLDEN["model"].numpy().tobytes())
    return path


@pytest.fixture(scope="module")
def tokenizer(model_file):
    return load_tokenizer(model_file, SETTINGS.table_size)


@pytest.fixture(scope="module")
def tables(tokenizer):
    return byte_tables(tokenizer, SETTINGS.table_size)


def test_tables_are_the_published_ones(tables):
    for found, name in zip(tables, TABLES, strict=True):
        expected = GOLDEN[f"lut.{name}"].numpy()
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


def record_tokenizer() -> Path | None:
    """The 8192-piece tokenizer of a published record, found by its digest in the folder PGOLF_TEST_TOKENIZERS. Not ours to keep."""
    folder = Path(os.environ.get("PGOLF_TEST_TOKENIZERS", "/nowhere"))
    models = sorted(folder.rglob("*.model"))
    return next((path for path in models if sha256_of(path) == SETTINGS.record_tokenizer_sha256), None)


@pytest.mark.skipif(
    "PGOLF_TEST_TOKENIZERS" not in os.environ, reason="set PGOLF_TEST_TOKENIZERS to a folder of tokenizers"
)
def test_tables_of_a_published_tokenizer_are_the_published_ones():
    path = record_tokenizer()
    assert path, f"PGOLF_TEST_TOKENIZERS: no file of sha256 {SETTINGS.record_tokenizer_sha256}"
    for found, name in zip(byte_tables(load_tokenizer(path, 8192), 8192), TABLES, strict=True):
        expected = GOLDEN[f"record_lut.{name}"].numpy()
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


def test_bytes_of_targets_are_the_published_ones(tables):
    found = target_bytes(tables, GOLDEN["tokens"].numpy())
    assert found.tolist() == GOLDEN["target_bytes"].tolist()
    assert found.sum() == GOLDEN["total_bytes"].item()


def test_bytes_of_a_document_are_those_of_its_text(tokenizer, tables):
    documents = GOLDEN["text"].numpy().tobytes().decode().split("\0")
    counts = [target_bytes(tables, np.array([BOS, *tokenizer.encode(d)])).sum() for d in documents]
    assert len(counts) == 8
    assert counts == GOLDEN["utf8_bytes_per_doc"].tolist()
    assert counts == [len(tokenizer.decode(tokenizer.encode(d)).encode()) for d in documents]


@quick
@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\u2581"), max_size=40))
def test_bytes_of_any_text_are_those_of_what_it_decodes_to(tokenizer, tables, text):
    pieces = tokenizer.encode(text)
    count = target_bytes(tables, np.array([BOS, *pieces])).sum()
    assert count == len(tokenizer.decode(pieces).encode())


def test_the_space_before_a_word_counts_after_a_word_and_not_after_the_start_of_a_document(tokenizer, tables):
    space = SETTINGS.space_piece_id
    pieces = [tokenizer.id_to_piece(i) for i in range(tokenizer.vocab_size())]
    word = next(i for i, piece in enumerate(pieces) if piece.startswith("\u2581") and i != space)
    bare = len(pieces[word].encode()) - 3
    tokens = np.array([BOS, word, word, space, BOS, space])
    assert target_bytes(tables, tokens).tolist() == [bare, bare + 1, 1, 0, 0]


def test_ids_beyond_the_tokenizer_stand_for_no_bytes(tokenizer, tables):
    base, space, boundary = (table[tokenizer.vocab_size() :] for table in tables)
    assert len(base) == SETTINGS.table_size - SETTINGS.toy_vocab == 5
    assert not base.any()
    assert not space.any()
    assert boundary.all()


def test_a_tokenizer_with_more_pieces_than_the_model_is_refused(model_file):
    assert load_tokenizer(model_file, SETTINGS.toy_vocab).vocab_size() == SETTINGS.toy_vocab
    with pytest.raises(DataError, match=r"toy\.model"):
        load_tokenizer(model_file, SETTINGS.toy_vocab - 1)


def test_a_tokenizer_without_a_piece_for_the_space_alone_is_refused(tmp_path):
    """openai/parameter-golf issue 897: bytes would be counted wrong."""
    piece, other = b"\x0a\x03\xe2\x96\x81\x15", "\x0a\x03\u2603\x15".encode()
    content = GOLDEN["model"].numpy().tobytes()
    assert content.count(piece) == 1
    path = tmp_path / "toy.model"
    path.write_bytes(content.replace(piece, other))
    assert sentencepiece.SentencePieceProcessor(model_file=str(path)).vocab_size() == SETTINGS.toy_vocab
    with pytest.raises(DataError, match=r"U\+2581"):
        load_tokenizer(path, SETTINGS.toy_vocab)


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content):
    path = tmp_path / "toy.model"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"toy\.model"):
        load_tokenizer(path, 1024)
