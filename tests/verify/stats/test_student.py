"""Student's t in plain Python agrees with scipy."""

import math

import pytest
from hypothesis import strategies as st
from scipy import stats

from tests.verify.stats.properties import given
from verify.stats.student import quantile, tail

DF = st.floats(0.5, 5_000.0)


@given(st.floats(-1e6, 1e6), DF)
def test_the_tail_is_scipys(t, df):
    assert tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-9, abs=1e-290)


@given(st.floats(1e-9, 1 - 1e-9), DF)
def test_the_quantile_is_scipys(p, df):
    assert quantile(p, df) == pytest.approx(stats.t.isf(p, df), rel=1e-8, abs=1e-8)


@given(st.floats(1e-6, 1 - 1e-6), DF)
def test_the_tail_of_the_quantile_is_the_probability(p, df):
    assert tail(quantile(p, df), df) == pytest.approx(p, rel=1e-9)


@given(st.floats(0, 1e300), DF)
def test_both_tails_sum_to_one(t, df):
    assert tail(t, df) + tail(-t, df) == pytest.approx(1.0, abs=1e-15)


def test_a_t_of_infinity_leaves_no_tail():
    assert (tail(math.inf, 3.0), tail(-math.inf, 3.0)) == (0.0, 1.0)


@pytest.mark.parametrize(("t", "df"), [(math.nan, 3.0), (1.0, 0.0), (1.0, -1.0), (1.0, math.nan)])
def test_what_is_no_number_is_refused(t, df):
    with pytest.raises(ValueError, match="must be"):
        tail(t, df)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, math.nan])
def test_a_quantile_of_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile(p, 3.0)
