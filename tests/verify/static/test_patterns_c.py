"""The reader of C sources: comments and strings are blanked, lines are kept, and hostile text costs no time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.static.patterns_c import Native
from verify.static.patterns_native import byte_mixture, native_joint, target_gates

PIECES = st.sampled_from(
    [*"/*{}()\"'\\\n \x00é", "/*", "*/", "//", "f(int a) {", "x = y[i];", "if (", "a ^ b * c", "for (i"]
)


def read(text: str) -> None:
    """Everything that is asked of a C source."""
    native = Native("kernel.c", text, 1)
    for function in native.functions():
        native.place(function, 0)
    for found in (native_joint, byte_mixture, target_gates):
        list(found(native))


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_text_is_read_and_keeps_its_lines(text):
    read(text)
    assert Native("kernel.c", text, 1).clean().count("\n") == text.count("\n")


@given(st.text(max_size=300))
def test_any_characters_are_read(text):
    read(text)


def test_comments_and_strings_are_no_code():
    text = 'int a; // f(x) {\n/* g(y) { */ char *s = "h(z) {"; int k(int q) { return q; }\n'
    assert [(function.name, function.line) for function in Native("a.c", text, 1).functions()] == [("k", 2)]


def test_a_place_names_the_line_of_the_file_that_holds_the_source():
    native = Native("train_gpt.py", "\nint f(int a) {\n    int b = a;\n    return b;\n}\n", 41)
    (function,) = native.functions()
    assert function.name == "f"
    place = native.place(function, function.body.index("return"))
    assert (place.line, place.quote) == (44, "return b;")


@pytest.mark.parametrize(
    "unit",
    [
        "/*",
        "/*/",
        '"\\',
        "'",
        "f(",
        "f(a)",
        "f(){",
        "{",
        "x = y[i]; ",
        "a = b ^ c * d; ",
        "a = b ^ c * d ",
        "a = b ",
        "u8 x = y[t]; ",
        "if (s",
        "(a)",
        "for (i",
        "q = nll[i] / n ",
        "log(exp(",
        "1 - lam ",
    ],
)
def test_hostile_sources_are_read_in_less_than_a_second(unit):
    for text in (unit * (200_000 // len(unit)), "void f(int a) {" + unit * (200_000 // len(unit)) + ";}"):
        start = time.process_time()
        read(text)
        assert time.process_time() - start < 1.0
