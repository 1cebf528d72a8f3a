import re
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import InputError
from pgolf.harness.strict_yaml import read_file, read_text
from tests.recipes import quick

BOMB = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(9))
TEXT = "which YAML reads as text"
BOOLEAN = 'which YAML reads as a boolean; write true, false or "{}"'
BASE = "which YAML reads in base 8 or 60; write it in base 10"
ANCHOR = "found the anchor &x; write each value where it is used, without it"
WORD = "found a key that is not a word under the file: {}; allowed: field names"
LEVELS = "found more than 32 levels; allowed: the levels of a recipe, fewer than 10"
SIGNS = "that cannot start any token; put text with signs in quotes"

VALUES = {  # the text of a value: what follows "a: found <text>"
    "1e-5": f", {TEXT}; write 1.0e-5",
    "1E5": f", {TEXT}; write 1.0e+5",
    "+1e-5": f", {TEXT}; write +1.0e-5",
    ".5e3": f", {TEXT}; write 0.5e+3",
    "1.e3": f", {TEXT}; write 1.0e+3",
    "1_0e3": f", {TEXT}; write 10.0e+3",
    "-.5": f", {TEXT}; write -0.5",
    "09": f", {TEXT}; write 9",
    "yes": ", " + BOOLEAN.format("yes"),
    "No": ", " + BOOLEAN.format("No"),
    "on": ", " + BOOLEAN.format("on"),
    "OFF": ", " + BOOLEAN.format("OFF"),
    "010": f", {BASE}",
    "-010": f", {BASE}",
    "00": f", {BASE}",
    "1:30": f", {BASE}",
    "1:30.5": f", {BASE}",
    "2026-04-30": ", which YAML reads as a timestamp; put it in quotes to make it text",
    "2026-04-30 10:00:00": ", which YAML reads as a timestamp; put it in quotes to make it text",
    "=": ", which YAML reads as a value; put it in quotes to make it text",
    "<<": ", which YAML reads as a merge; put it in quotes to make it text",
    ".nan": "; allowed: finite numbers",
    ".inf": "; allowed: finite numbers",
    "-.INF": "; allowed: finite numbers",
    "1.0e+400": "; allowed: finite numbers",
    "9223372036854775808": "; allowed: whole numbers up to 2^63 - 1",
    "0x" + "f" * 16: "; allowed: whole numbers up to 2^63 - 1",
}
FILES = {  # a file's text: line and message of its error
    "a: 1\na: 2": (2, "a: given twice (first in line 1); keep one"),
    "b:\n  a: 1\n\n  a: 2": (4, "b.a: given twice (first in line 2); keep one"),
    "b: {a: 1, a: 2}": (1, "b.a: given twice (first in line 1); keep one"),
    "b:\n - {a: 1,\n    a: 2}": (3, "b.0.a: given twice (first in line 2); keep one"),
    "a: !!python/object:os.system x": (1, "found the tag !!python/object:os.system; write the value without it"),
    "a: !!python/object/apply:os.system [ls]": (
        1,
        "found the tag !!python/object/apply:os.system; write the value without it",
    ),
    "a: !mine {b: 1}": (1, "found the tag !mine; write the value without it"),
    "a: !!int x": (1, "found the tag !!int; write the value without it"),
    "a: &x 1\nb: *x": (1, ANCHOR),
    "a: &x [*x]": (1, ANCHOR),
    "a: &x {b: 1}\nc:\n  <<: *x": (1, ANCHOR),
    BOMB: (1, ANCHOR.replace("&x", "&a")),
    "a:\n  b: *nowhere": (2, "found the alias *nowhere; write the value itself"),
    "a:\n  <<: {b: 1}": (2, "found a key that is not a word under a: <<; write the fields out"),
    "1: x": (1, WORD.format("1")),
    "'1': x": (1, WORD.format("1")),
    "true: x": (1, WORD.format("true")),
    "on: x": (1, WORD.format("on")),
    "null: x": (1, WORD.format("null")),
    "model.width: x": (1, WORD.format("model.width")),
    '"a\\nb": x': (1, WORD.format(r"'a\nb'")),
    "? [a]\n: x": (1, WORD.format("a list")),
    "? {a: 1}\n: x": (1, WORD.format("a mapping")),
    "a:\n\t- b": (
        2,
        r"not YAML: found character '\t' that cannot start any token; indent with spaces, not with tabs",
    ),
    "a: [1,\n": (2, "not YAML: expected the node content, but found '<stream end>'; close every bracket"),
    "a: 'x": (1, "not YAML: found unexpected end of stream; close every quote"),
    "a: 1\n---\nb: 2": (2, "not YAML: but found another document; keep one document"),
    "a: b: c": (1, "not YAML: mapping values are not allowed here; put text with signs in quotes"),
    "a: @b": (1, f"not YAML: found character '@' {SIGNS}"),
    "a: %b": (1, f"not YAML: found character '%' {SIGNS}"),
    "a: 1\nb: \x07": (2, "not YAML: found the character U+0007; remove it"),
    "a: 1\nb: \x00": (2, "not YAML: found the character U+0000; remove it"),
    'a: "\\U00110000"': (1, "not YAML: found an escape that is no character; write the character"),
    'a: "\\ud800"': (1, r"a: found half a character (\ud800 to \udfff); remove it"),
    "[" * 10_000: (1, LEVELS),
    "- " * 10_000: (1, LEVELS),
    "a:\n" + "".join(" " * i + "a:\n" for i in range(1, 10_000, 250)): (32, LEVELS),
}
PLAIN = {  # a value that is what it looks like
    "1.0e-5": 1e-5,
    "1.0E+3": 1000.0,
    "1_000": 1000,
    "0x10": 16,
    "0b11": 3,
    "-0.5": -0.5,
    "0": 0,
    "9223372036854775807": 2**63 - 1,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "y": "y",
    "n": "n",
    "nan": "nan",
    "'yes'": "yes",
    '"1e-5"': "1e-5",
    "'010'": "010",
    "'2026-04-30'": "2026-04-30",
    "|-\n  1e-5": "1e-5",
    "sp8192 + GPTQ": "sp8192 + GPTQ",
    "[]": [],
    "{}": {},
}
assert (len(VALUES), len(FILES), len(PLAIN)) == (27, 37, 24)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True) | st.sampled_from(["yes", "on", "null", "true", "No"])
trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text()
    | st.from_regex(r"[-+.:\deE_]{1,6}"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def data_of(text):
    return read_text(text, lambda line: f"recipe.yaml:{line}").data


def error_of(text):
    with pytest.raises(InputError) as caught:
        data_of(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "message"), VALUES.items(), ids=VALUES)
def test_a_value_that_is_not_what_it_looks_like_is_refused_with_what_to_write(text, message):
    assert error_of(f"a: {text}") == f"recipe.yaml:1: a: found {text}{message}."


@pytest.mark.parametrize("text", VALUES)
def test_the_same_value_in_quotes_is_text(text):
    assert data_of(f"a: '{text}'") == {"a": text}


@pytest.mark.parametrize("text", [text for text, message in VALUES.items() if TEXT in message])
def test_the_number_that_an_error_says_to_write_is_the_number_that_was_meant(text):
    written = VALUES[text].rpartition("write ")[2]
    assert data_of(f"a: {written}") == {"a": float(text.replace("_", ""))}


@pytest.mark.parametrize(("text", "line", "message"), [(t, *m) for t, m in FILES.items()], ids=lambda v: repr(v)[:40])
def test_a_file_that_could_be_misread_is_refused_in_one_line_that_names_its_place(text, line, message):
    started = time.monotonic()
    found = error_of(text)
    assert time.monotonic() - started < 2
    assert found == f"recipe.yaml:{line}: {message}."


@pytest.mark.parametrize(("text", "value"), PLAIN.items(), ids=map(repr, PLAIN))
def test_a_value_that_is_what_it_looks_like_is_read(text, value):
    found = data_of(f"a: {text}\n")["a"]
    assert (type(found), found) == (type(value), value)


def test_a_number_of_five_thousand_digits_is_refused_and_not_repeated():
    assert re.fullmatch(r"recipe.yaml:1: a: found 9{57}\.\.\.; allowed: whole .*", error_of("a: " + "9" * 5000))


def test_an_empty_file_is_no_data():
    assert data_of("# only a comment\n") is None


def test_a_list_on_top_is_read_as_a_list():
    assert data_of("- 1\n- [2]\n") == [1, [2]]


def test_a_value_in_32_levels_is_read():
    assert data_of("[" * 31 + "1" + "]" * 31) == eval("[" * 31 + "1" + "]" * 31)


def test_every_value_has_its_line():
    places = read_text("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n", lambda line: f"f:{line}").places
    assert places == {
        (): "f:1", ("a",): "f:1", ("b",): "f:3", ("b", 0): "f:3", ("b", 1): "f:4", ("b", 1, "c"): "f:4",
        ("b", 1, "d"): "f:5",
    }  # fmt: skip


@pytest.mark.parametrize("data", [b"a: 1\nb: \xff\n", "a: 1\nb: \u00e4\n".encode("latin-1"), "a: 1\n".encode("utf-16")])
def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path, data):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(data)
    with pytest.raises(
        InputError, match=r"recipe.yaml:[12]: found the byte 0x.., not UTF-8 text; save the file as UTF-8\."
    ):
        read_file(path)


@pytest.mark.parametrize("text", ["a: 1\r\nb: [x]\r\n", "\ufeffa: 1\nb: [x]\n"])
def test_line_ends_and_byte_order_marks_of_other_systems_are_fine(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text.encode())
    assert read_file(path).data == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize(("name", "reason"), [("nowhere.yaml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, name, reason):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / name}: {reason}.")):
        read_file(tmp_path / name)


def is_trap(tree):
    """Whether a tree holds what the reader documents as refused, told without the reader's own patterns."""
    if isinstance(tree, dict):
        return any(is_trap(value) for value in tree.values())
    if isinstance(tree, list):
        return any(is_trap(value) for value in tree)
    if isinstance(tree, bool) or tree is None:
        return False
    if isinstance(tree, int):
        return abs(tree) >= 2**63
    if isinstance(tree, float):
        return not abs(tree) < float("inf")
    return looks_like_a_number(tree)


def looks_like_a_number(text):
    digits = text.replace("_", "")
    if not text.isascii() or text.startswith("_") or not set(digits) <= set("0123456789+-.eE"):
        return False
    try:
        float(digits)
    except ValueError:
        return False
    return True


def data_or_error(text):
    try:
        return data_of(text), None
    except InputError as error:
        return None, str(error)


@quick
@given(tree=trees)
def test_what_yaml_dumps_reads_back_the_same_or_is_refused_for_a_documented_trap(tree):
    text = yaml.safe_dump(tree, sort_keys=False)
    data, error = data_or_error(text)
    assert is_trap(tree) if error else data == tree


@quick
@given(text=st.text(max_size=200) | st.text("ab:-[]{}&*!|>'\"#? \n\t%@,1e.~<=", max_size=60))
def test_no_text_at_all_ends_in_anything_but_data_or_one_line(text):
    _, error = data_or_error(text)
    assert error is None or re.fullmatch(r"recipe\.yaml:\d+: [^\n]+\.", error)
