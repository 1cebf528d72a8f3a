"""Bytes into text, and text into something a terminal can show."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from verify.submission.text import decode, encoding_of, is_text, printable, split_lines

LOG = "step:1 train_loss:6.9 \u2014 caf\u00e9\n" * 40


@patient
@given(st.text(alphabet=st.characters(), max_size=200))
def test_printable_text_holds_nothing_a_terminal_obeys(text):
    shown = printable(text)
    assert not re.search(
        "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", shown
    )
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("line\nbreak\rback\ttab", "line\\nbreak\\rback\\ttab"),
        (os.fsdecode(b"caf\xe9"), "caf\\udce9"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("日本 \u00e9 👩\u200d👩", "日本 \u00e9 👩\u200d👩"),
    ],
)
def test_escapes_bidi_overrides_and_broken_names_are_made_visible(attack, shown):
    assert printable(attack) == shown


def test_long_text_is_cut_before_it_is_made_visible():
    assert printable("\x1b" * 10_000_000, 3) == "\\x1b\\x1b\\x1b…"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (LOG.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + LOG.encode(), "utf-8"),
        (LOG.encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + LOG.encode("utf-16-be"), "utf-16-be"),
        (LOG.encode("utf-16-le"), "utf-16-le"),
        (LOG.encode("utf-16-be"), "utf-16-be"),
        (LOG.encode("utf-32"), "utf-32-le"),
    ],
    ids=["utf-8", "utf-8 bom", "utf-16 bom", "utf-16-be bom", "utf-16-le bare", "utf-16-be bare", "utf-32"],
)
def test_every_encoding_a_log_was_seen_in_is_told(data, encoding):
    assert is_text(data)
    assert encoding_of(data)[0] == encoding
    assert decode(data).text == LOG
    assert decode(data).problems == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_text_cut_in_the_middle_of_a_character_has_no_fault(encoding):
    data = ("é" * 100).encode(encoding)[:-1]
    assert decode(data, is_cut=True).problems == ()
    assert decode(data, is_cut=True).text in {"é" * 99, "é" * 98}


def test_broken_utf8_is_replaced_and_reported_with_its_line():
    found = decode(b"one\ntwo\nthr\xe9\xe9\n")
    assert found.text == "one\ntwo\nthr\ufffd\ufffd\n"
    assert found.problems == ("is not UTF-8: the first broken character is on line 3",)


@pytest.mark.parametrize(
    "data",
    [os.urandom(5000), b"\x00" * 5000, bytes(range(256)) * 20, b"\x80\x02}q\x00(X\x05" * 300],
    ids=["noise", "zeros", "all", "pickle"],
)
def test_data_is_no_text(data):
    assert not is_text(data)


def test_prose_in_any_script_and_colours_are_text():
    assert is_text("日本語のログ".encode() * 50)
    assert is_text(b"\x1b[32mstep:1\x1b[0m\n" * 50)
    assert is_text(b"")


@patient
@given(st.binary(max_size=300), st.booleans())
def test_decoding_never_fails(data, is_cut):
    assert isinstance(decode(data, is_cut).text, str)


def test_lines_are_counted_as_an_editor_counts_them():
    assert split_lines("a\r\nb\rc\x0cd\u2028e\n\nf\n") == ["a", "b", "c\x0cd\u2028e", "", "f"]
    assert split_lines("") == []
