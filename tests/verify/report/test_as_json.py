"""A verdict as JSON: what is written is read back, and the committed schema is the one in force."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verify.report.texts import texts
from tests.verify.report.verdicts import bare, filled, hostile, verdict
from verify.errors import BadInput
from verify.report.as_json import SCHEMA_FILE, from_json, schema_text, to_json
from verify.verdict import SCHEMA


@pytest.mark.parametrize("made", [verdict(), bare(), hostile()])
def test_what_is_written_is_read_back(made):
    assert from_json(to_json(made)) == made


@settings(max_examples=30, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
def test_any_text_is_read_back_and_passes_through_an_ascii_pipe(drawn):
    # Two halves of one character, side by side, are that character to every reader of JSON; a broken name never holds both.
    made = filled([text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") for text in drawn])
    text = to_json(made, indent=None)
    assert text.isascii()
    assert from_json(text) == made


def test_the_version_of_the_schema_is_the_first_key():
    assert next(iter(json.loads(to_json(verdict())).items())) == ("schema", SCHEMA)


def test_numbers_that_json_cannot_hold_become_null():
    claim = verdict().claim.model_copy(update={"value": float("nan"), "std": float("inf")})
    data = json.loads(to_json(verdict(claim=claim)))
    assert data["claim"]["value"] is None
    assert data["claim"]["std"] is None


def test_the_committed_schema_is_the_one_in_force():
    assert SCHEMA_FILE.read_text() == schema_text(), "write it anew: python -m verify.report.as_json"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": "pgolf.verdict/0"}', "[" * 100_000, '{"schema": "pgolf.verdict/1"}']
)
def test_what_is_no_verdict_is_bad_input_in_one_sentence(text):
    with pytest.raises(BadInput) as error:
        from_json(text)
    assert "\n" not in str(error.value)
