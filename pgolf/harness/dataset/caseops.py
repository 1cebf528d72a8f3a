"""CaseOps, a text transform without loss: capitals become marks before small letters (lossless_caps_caseops_v1).

    The NASA iPhone  ->  <TITLE>the <ALLCAPS>nasa i<CAPNEXT>phone

Of a run of ASCII letters: all small stays; two or more capitals get ALLCAPS; otherwise a first capital gets TITLE and every
later one CAPNEXT. Other characters stay; a mark that stands in the text itself gets ESC before it. decode(encode(s)) == s.

Why     "The" and "the" share their pieces; the vocabulary that frees goes to words
From    parameter-golf PR 1729; the score counts bytes of the text before the transform
"""

import functools
import re
from collections.abc import Sequence

import numpy as np

TITLE, ALLCAPS, CAPNEXT, ESC = MARKS = "\ue001", "\ue002", "\ue003", "\ue004"
MARK_BYTES = 3  # of each, in UTF-8

_CAPITALISED = re.compile("([A-Z][A-Za-z]*)")
_MARK = re.compile(f"[{''.join(MARKS)}]")
_RUN = re.compile(f"[A-Za-z]+|[{''.join(MARKS)}]|[^A-Za-z{''.join(MARKS)}]+")
_SILENT = re.compile(f"{ESC}.|[{TITLE}{ALLCAPS}{CAPNEXT}]", re.DOTALL)  # begins with what stands for no text


class CaseOpsError(ValueError):
    """A text that no transform has written."""


def encode(text: str) -> str:
    """The transformed text. Nothing here loops over characters: words with capitals are split off and looked up."""
    if not text.isascii():
        text = _MARK.sub(rf"{ESC}\g<0>", text)
    parts = _CAPITALISED.split(text)
    for i in range(1, len(parts), 2):
        before = parts[i - 1][-1:]
        parts[i] = _inner(parts[i]) if "a" <= before <= "z" else _word(parts[i])
    return "".join(parts)


@functools.lru_cache(1 << 16)
def _word(word: str) -> str:
    """Of a run that begins with a capital."""
    if len(word) > 1 and word.isupper():
        return ALLCAPS + word.lower()
    return TITLE + word[0].lower() + _inner(word[1:])


def _inner(letters: str) -> str:
    """Of the rest of a run."""
    return "".join(CAPNEXT + letter.lower() if letter.isupper() else letter for letter in letters)


def decode(text: str) -> str:
    """The text that `encode` was given. Raises CaseOpsError at a mark that marks nothing."""
    out = []
    is_escaped = in_word = is_capital = in_allcaps = False
    word_mark = ""  # TITLE or ALLCAPS, until the word that it is for begins
    for run in _RUN.findall(text):
        rest = run
        if is_escaped:
            literal, rest = run[0], run[1:]
            is_escaped, in_word = False, _is_letter(literal)
            if word_mark and not in_word:
                raise CaseOpsError("an escaped character where a word must begin")
            in_allcaps = in_allcaps and in_word
            out.append(literal)
            if not rest:
                continue
        if rest == ESC:
            is_escaped = True
        elif rest == CAPNEXT:
            if is_capital:
                raise CaseOpsError("two marks for one capital")
            is_capital = True
        elif rest in (TITLE, ALLCAPS):
            if word_mark or in_word or is_capital:
                raise CaseOpsError("a mark for a word where none can begin")
            word_mark = rest
        elif _is_letter(rest[0]):
            if word_mark and in_word:
                raise CaseOpsError("a mark for a word in the middle of one")
            in_allcaps = in_allcaps if in_word else word_mark == ALLCAPS
            first = rest[0].upper() if word_mark or is_capital else rest[0]
            out.append(rest.upper() if in_allcaps else first + rest[1:])
            word_mark, is_capital, in_word = "", False, True
        else:
            if word_mark or is_capital:
                raise CaseOpsError("a mark before what is no ASCII letter")
            out.append(rest)
            in_word = in_allcaps = False
    if is_escaped or word_mark or is_capital:
        raise CaseOpsError("a mark at the end of the text")
    return "".join(out)


def _is_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def piece_bytes(surfaces: Sequence[str]) -> list[int]:
    """UTF-8 bytes of original text of each piece, `surfaces` being the transformed text cut into pieces.

    A mark counts nothing and an escaped character itself, whichever pieces they fall into. Raises CaseOpsError where
    `decode` would.
    """
    text = "".join(surfaces)
    decode(text)
    count_P = np.array([len(surface.encode()) for surface in surfaces], np.int64)
    silent_M = [mark.start() for mark in _SILENT.finditer(text)]
    ends_P = np.cumsum([len(surface) for surface in surfaces])
    np.subtract.at(count_P, np.searchsorted(ends_P, silent_M, side="right"), MARK_BYTES)
    return count_P.tolist()
