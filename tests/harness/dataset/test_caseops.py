"""The CaseOps transform: without loss for any text, as its rules say, and its bytes are those of the text."""

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.harness.dataset.caseops import ALLCAPS, CAPNEXT, ESC, MARKS, TITLE, CaseOpsError, decode, encode, piece_bytes

SMALL, LARGE = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORDS = st.text(st.sampled_from("aAbBzZ 'é1" + "".join(MARKS)), max_size=30)
TEXTS = st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
EXAMPLES = {
    "The NASA Launch": f"{TITLE}the {ALLCAPS}nasa {TITLE}launch",
    "iPhone OpenAI": f"i{CAPNEXT}phone {TITLE}open{CAPNEXT}a{CAPNEXT}i",
    "I am": f"{TITLE}i am",
    "McDonald's HQs": f"{TITLE}mc{CAPNEXT}donald's {TITLE}h{CAPNEXT}qs",
    "aB bCD ÉCLAIR naïVE": f"a{CAPNEXT}b b{CAPNEXT}c{CAPNEXT}d É{ALLCAPS}clair naï{ALLCAPS}ve",
    "A1B2": f"{TITLE}a1{TITLE}b2",
    f"{TITLE}Ab{ESC}{ESC}": f"{ESC}{TITLE}{TITLE}ab{ESC}{ESC}{ESC}{ESC}",
    "K\u212a \u0130 \uff21": f"{TITLE}k\u212a \u0130 \uff21",  # letters that are not ASCII, whatever they look like
    "": "",
}


def by_the_rules(text: str) -> str:
    """Run by run, as the rules say it."""
    out = ""
    for is_word, run in groupby(text, lambda char: char in SMALL + LARGE):
        word = "".join(run)
        capitals = [char in LARGE for char in word]
        if not is_word:
            out += "".join(ESC + char if char in MARKS else char for char in word)
        elif not any(capitals):
            out += word
        elif all(capitals) and len(word) > 1:
            out += ALLCAPS + word.lower()
        else:
            marks = [TITLE if capitals[0] else "", *(CAPNEXT if capital else "" for capital in capitals[1:])]
            out += "".join(mark + letter.lower() for mark, letter in zip(marks, word, strict=True))
    return out


@pytest.mark.parametrize(("text", "expected"), EXAMPLES.items())
def test_the_examples_come_out_as_written(text, expected):
    assert encode(text) == by_the_rules(text) == expected
    assert decode(expected) == text


@given(TEXTS)
def test_any_text_is_transformed_by_the_rules_and_comes_back(text):
    assert encode(text) == by_the_rules(text)
    assert decode(encode(text)) == text


@given(TEXTS)
def test_no_capital_is_left(text):
    assert not set(encode(text)) & set(LARGE)


def test_a_text_with_more_different_words_than_are_remembered_is_transformed_too():
    words = [f"W{SMALL[i % 26]}{SMALL[i // 26 % 26]}{SMALL[i // 676 % 26]}{SMALL[i // 17576]}" for i in range(70_000)]
    assert decode(encode(" ".join(words))) == " ".join(words)


@given(TEXTS, st.lists(st.integers(0, 60), max_size=8))
def test_bytes_of_pieces_are_those_of_the_text_wherever_it_is_cut(text, cuts):
    seen = encode(text)
    borders = [0, *sorted(min(cut, len(seen)) for cut in cuts), len(seen)]
    assert sum(piece_bytes([seen[i:j] for i, j in pairwise(borders)])) == len(text.encode())


@given(TEXTS)
def test_bytes_of_single_characters_are_those_of_what_each_stands_for(text):
    counts = iter(piece_bytes(list(encode(text))))
    for char in text:
        count = 0
        while count == 0:
            count = next(counts)
        assert count == len(char.encode())
    assert list(counts) == []


def test_bytes_fall_to_the_pieces_that_hold_the_text():
    assert piece_bytes([TITLE, "the", " " + ALLCAPS, "", "nasa é", ESC, TITLE]) == [0, 3, 1, 0, 7, 0, 3]
    assert piece_bytes([]) == []


REFUSED = {
    "a mark at the end": TITLE,
    "an escape at the end": "a" + ESC,
    "a title before a space": TITLE + " a",
    "all caps before a digit": ALLCAPS + "1",
    "a capital before an accented letter": CAPNEXT + "é",
    "a title inside a word": f"a{TITLE}b",
    "all caps inside a word": f"a{ALLCAPS}b",
    "two marks for a word": TITLE + ALLCAPS + "a",
    "two marks for a letter": CAPNEXT * 2 + "a",
    "a title after a mark for a letter": CAPNEXT + TITLE + "a",
    "a title before an escaped mark": TITLE + ESC + TITLE,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_mark_that_marks_nothing_is_refused(text):
    with pytest.raises(CaseOpsError):
        decode(text)
    with pytest.raises(CaseOpsError):
        piece_bytes(list(text))


@pytest.mark.parametrize(("seen", "text"), [("bß", "Bß"), (f"b{ESC}{TITLE}", f"B{TITLE}")])
def test_capitals_end_with_their_word_also_where_the_next_begins_with_an_escaped_letter(seen, text):
    """No text is written so, but the published decoder reads it so."""
    assert decode(f"{ALLCAPS}{seen}{ESC}aa") == text + "aa"


@given(WORDS)
def test_what_decodes_to_a_text_has_its_bytes_also_when_it_was_not_written_by_encode(seen):
    try:
        text = decode(seen)
    except CaseOpsError:
        return
    assert sum(piece_bytes(list(seen))) == len(text.encode())
