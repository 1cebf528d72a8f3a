"""Bytes of a submission into text, and text into something a terminal can show."""

import codecs
import re
import unicodedata
from dataclasses import dataclass

SNIFF_BYTES = 65_536  # of a file's start, enough to tell text from data
NUL_FRACTION_UTF16 = 0.3  # of ASCII in UTF-16 every other byte is zero
CONTROL_FRACTION_MAX = 0.1  # of a text's start: above it the file is data
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NEWLINE = re.compile("\r\n|\n|\r")
# Bytes that a text has no use for: all control characters but tab, line feed, form feed, carriage return and escape.
DATA_BYTES = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"
ZERO_WIDTH_JOINER = "\u200d"  # part of ordinary emoji; it neither moves nor hides anything
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
HIDDEN = frozenset(
    {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
)  # control, format (bidi, zero width, tags), surrogates, private, separators
PLAIN = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the encoding it was read as, and what was wrong with it (one sentence each)."""

    text: str
    encoding: str
    problems: tuple[str, ...] = ()


def visible(character: str) -> str:
    """A character that a terminal would obey, hide or choke on, written out; any other as it is."""
    if character in ESCAPES:
        return ESCAPES[character]
    if unicodedata.category(character) not in HIDDEN or character == ZERO_WIDTH_JOINER:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, characters_max: int | None = None) -> str:
    r"""Text of a submission made safe for a terminal and for one line of a report.

    Control characters and escapes, line breaks, bidi overrides, zero-width and private characters and the surrogates of broken
    names come out as `\x1b`, `\u202e`, ...; what is over `characters_max` is cut and ends in "…". Markup is not touched: HTML is
    for the template to escape, rich's brackets for rich.markup.escape.
    """
    cut = characters_max is not None and len(text) > characters_max
    if cut:
        text = text[:characters_max]
    if not PLAIN.fullmatch(text):
        text = "".join(map(visible, text))
    return text + "…" if cut else text


def encoding_of(data: bytes) -> tuple[str, int]:
    """The encoding, and the length of the byte order mark. UTF-16 without a mark is told by its zero bytes."""
    for mark, name in BOMS:
        if data.startswith(mark):
            return name, len(mark)
    start = data[: SNIFF_BYTES // 16]
    if len(start) >= 4 and start.count(0) >= NUL_FRACTION_UTF16 * len(start):
        even, odd = start[::2], start[1::2]
        if odd.count(0) > 0.6 * len(odd) and even.count(0) < 0.1 * len(even):
            return "utf-16-le", 0
        if even.count(0) > 0.6 * len(even) and odd.count(0) < 0.1 * len(odd):
            return "utf-16-be", 0
    return "utf-8", 0


def is_text(data: bytes) -> bool:
    """Whether a file's start reads as text in an encoding known here. Broken UTF-8 and terminal escapes are still text."""
    name, mark = encoding_of(data)
    if name != "utf-8":
        return True
    start = data[mark:SNIFF_BYTES]
    controls = len(start) - len(start.translate(None, DATA_BYTES))
    if controls > CONTROL_FRACTION_MAX * len(start):
        return False
    high = len(start) - len(start.translate(None, bytes(range(128, 256))))
    # Compressed data is a half of high bytes and does not decode; prose in any script does.
    return high <= 0.3 * len(start) or "\ufffd" not in start[:-4].decode("utf-8", "replace").rstrip("\ufffd")


def decode(data: bytes, is_cut: bool = False) -> Decoded:
    """Text of some bytes. Never fails: what cannot be decoded becomes U+FFFD and a problem. `is_cut`: a broken end is no fault."""
    name, mark = encoding_of(data)
    data = data[mark:]
    if name != "utf-8" and len(data) % 2 and is_cut:
        data = data[:-1]
    try:
        return Decoded(data.decode(name), name)
    except UnicodeDecodeError as error:
        if is_cut and error.start >= len(data) - 4:
            return Decoded(data[: error.start].decode(name), name)
        text = data.decode(name, "replace")
        line = text.count("\n", 0, text.find("\ufffd") + 1) + 1
        return Decoded(text, name, (f"is not {name.upper()}: the first broken character is on line {line}",))


def split_lines(text: str) -> list[str]:
    r"""Lines as an editor counts them: ended by \n, \r\n or \r, not by form feeds as str.splitlines has it."""
    lines = NEWLINE.split(text)
    if lines and not lines[-1]:
        lines.pop()
    return lines
