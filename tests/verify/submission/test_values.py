"""Numbers as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from verify.submission.values import BYTES, SECONDS, decimals, number_in, rounding_bytes, scaled


@pytest.mark.parametrize(
    ("text", "value", "digits", "unit"),
    [
        ("1.0810", 1.081, 4, ""),
        ("~600s", 600, 0, "s"),
        ("15,990,006 bytes", 15_990_006, 0, "bytes"),
        ("15.9 MB", 15.9, 1, "mb"),
        ("**1.0542**".strip("*"), 1.0542, 4, ""),
        ("-0.0193", -0.0193, 4, ""),
        ("<1.10", 1.1, 2, ""),
        (".5", 0.5, 1, ""),
        ("1.5e-3", 0.0015, 4, ""),
        ("mean 1.08 of 3", 1.08, 2, "of"),
        ("4550 steps", 4550, 0, "steps"),
    ],
)
def test_a_number_is_read_with_decimals_and_unit(text, value, digits, unit):
    found = number_in(text)
    assert found is not None
    assert (found.value, found.digits, found.unit) == (pytest.approx(value), digits, unit)


@pytest.mark.parametrize(
    "text",
    [
        "9:35",
        "1.85-1.90",
        "276.1+292.7=568.8s",
        "2.9.1",
        "",
        "TBD",
        "nan",
        "v2x",
        "x1.5",
        "9" * 300,
        "1e999",
        "1e50",
        "-",
        "..",
        "1" + "0" * 40,
    ],
)
def test_what_is_no_finite_number_is_none(text):
    assert number_in(text) is None


@patient
@given(st.floats(1e-9, 1e9), st.integers(0, 8))
def test_any_fixed_number_comes_back_with_its_decimals(value, digits):
    text = f"{value:.{digits}f}"
    found = number_in(text)
    assert found is not None
    assert (found.value, found.digits) == (float(text), digits)


@patient
@given(st.text(max_size=250))
def test_any_text_is_survived(text):
    found = number_in(text)
    assert found is None or math.isfinite(found.value)


def test_units_scale_and_sizes_know_their_rounding():
    size = number_in("15.93 MB")
    time = number_in("10 min")
    assert size is not None
    assert time is not None
    assert scaled(size, BYTES) == pytest.approx(15_930_000)
    assert rounding_bytes(size) == 5_000
    assert scaled(time, SECONDS) == 600
    bare = number_in("15990006")
    assert bare is not None
    assert rounding_bytes(bare) == 0
    assert decimals("2e2") == 0
