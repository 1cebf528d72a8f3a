"""Waivers from the command line and from files."""

import pytest

from verify.errors import BadInput
from verify.policy.model import DEFAULT, load
from verify.waivers import collect

CODES = ["train-time.runs"]


def given(*texts, file=None):
    return collect(texts, file, load(DEFAULT), CODES)


def test_rules_and_checks_are_waived_with_the_reason_as_written(tmp_path):
    file = tmp_path / "w.yaml"
    file.write_text("hardware: by the file\nseeds: two seeds agreed\n")
    assert given("hardware=a=b, on our node", "train-time.runs=slow node", file=file) == {
        "hardware": "a=b, on our node",
        "seeds": "two seeds agreed",
        "train-time.runs": "slow node",
    }


@pytest.mark.parametrize("text", ["hardware", "hardware=", "hardware=   ", "no-such=reason", "=reason"])
def test_a_waiver_without_rule_or_reason_is_bad_input(text):
    with pytest.raises(BadInput):
        given(text)


@pytest.mark.parametrize(
    "content",
    [
        b"- a\n",
        b"hardware: 3\n",
        b"hardware: [x\n",
        b"\xff\xfe\x00",
        b"{" * 5000,
        b"hardware:\n",
        b"!!python/object/apply:os.system ['true']\n",
    ],
)
def test_a_file_that_is_no_mapping_is_bad_input(tmp_path, content):
    file = tmp_path / "w.yaml"
    file.write_bytes(content)
    with pytest.raises(BadInput):
        given(file=file)
