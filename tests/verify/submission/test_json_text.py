"""The JSON reader: the same as Python's on good files, and something sensible on the others."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from verify.submission.json_text import read_json

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@patient
@given(VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_valid_json_reads_as_python_reads_it(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = read_json(text)
    assert found.value == json.loads(text)
    assert found.problems == []


@patient
@given(VALUES, st.integers(0, 400), st.text(alphabet='{}[],:"\\ 1eE.-ntf\n', max_size=6))
def test_broken_json_never_fails(value, at, noise):
    text = json.dumps(value)
    read_json(text[:at] + noise + text[at:])
    read_json(text[:at])


@patient
@given(st.text(alphabet='{}[],:"\\ 1e.-ntrufalsN\n', max_size=60))
def test_anything_python_cannot_read_has_a_problem_or_a_lenient_reading(text):
    found = read_json(text)
    try:
        value = json.loads(text, parse_constant=lambda name: None)
    except ValueError:
        return
    assert found.value == value


def test_values_keep_their_lines_and_digits():
    found = read_json('{\n "a": 1.0810,\n "b": [\n  2,\n  {"c":\n   3e-4}\n ]\n}')
    assert found.lines == {("a",): 2, ("b",): 3, ("b", 0): 4, ("b", 1): 5, ("b", 1, "c"): 5}
    assert found.written == {("a",): "1.0810", ("b", 0): "2", ("b", 1, "c"): "3e-4"}


@pytest.mark.parametrize(
    ("text", "value", "word"),
    [
        ('{"a": NaN, "b": 1}', {"a": None, "b": 1}, "NaN"),
        ('{"a": -Infinity}', {"a": None}, "-Infinity"),
        ('{"a": 1e999}', {"a": None}, "too large"),
        ('{"a": ' + "9" * 5000 + ', "b": 2}', {"a": None, "b": 2}, "too large"),
        ('{"a": 1, "a": 2}', {"a": 2}, "twice"),
        ('{"a": 1} trailing', {"a": 1}, "behind the end"),
        ('{"a": 1', {"a": 1}, "does not end"),
        ('{"a": "x', {"a": "x"}, "string"),
        ('{"a": TBD, "b": 1}', {"a": None, "b": 1}, "bare word"),
        ('[1, "x"}', [1, "x"], "wrong kind"),
        ("", None, "empty"),
        ("<<<<<<< HEAD", None, "no JSON"),
    ],
)
def test_faults_are_reported_and_read_past(text, value, word):
    found = read_json(text)
    assert found.value == value
    assert any(word in sentence for sentence, _ in found.problems)


@pytest.mark.parametrize(
    "text",
    ["[" * 10_000, '{"a":' * 10_000, "[" * 10_000 + "]" * 10_000, '{"b": ' + "[" * 10_000 + "]" * 10_000 + ', "a": 1}'],
)
def test_json_ten_thousand_deep_is_cut_and_what_follows_is_read(text):
    found = read_json(text)
    assert any("deep" in sentence for sentence, _ in found.problems)
    assert not text.endswith("1}") or found.value["a"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '"' * 200_000,
        "x " * 100_000,
        '{"a":1,' * 30_000,
        "\n" * 200_000,
        "-" * 200_000,
        "{" * 100_000 + "}" * 100_000,
    ],
)
def test_bait_for_slow_readers_is_read_in_linear_time(text):
    start = time.process_time()
    read_json(text)
    assert time.process_time() - start < 2
