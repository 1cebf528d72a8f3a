"""Axes: values land where they should, and marks are few, round and inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.report.scale import Axis, nice_step, span

values = st.floats(-1e12, 1e12)


@given(st.lists(values, min_size=1, max_size=20), st.integers(2, 6))
def test_a_span_makes_an_axis_that_holds_its_values_and_few_marks(numbers, count):
    low, high = span(numbers)
    axis = Axis(low, high, 2.0, 98.0)
    assert low < high
    assert all(2.0 <= axis.at(number) <= 98.0 for number in numbers)
    ticks = axis.ticks(count)
    assert len(ticks) <= count + 2
    assert all(1.9 <= tick.at <= 98.1 for tick in ticks)


@given(st.floats(1e-9, 1e12))
def test_a_nice_step_is_not_below_and_not_far_above(step):
    nice = nice_step(step)
    assert step * (1 - 1e-6) <= nice <= step * 2.5001
    assert f"{nice:.0e}"[0] in "125"


@given(st.tuples(values, values).filter(lambda pair: abs(pair[0] - pair[1]) > 1e-5 * max(1.0, *map(abs, pair))))
def test_a_greater_value_lies_further_along(pair):
    axis = Axis(*span(pair), 0.0, 1000.0)
    assert axis.at(min(pair)) < axis.at(max(pair))


def test_marks_have_the_decimals_their_step_needs():
    assert [tick.label for tick in Axis(0.0, 1.0, 0, 100).ticks(4)] == ["0.0", "0.5", "1.0"]
    assert [tick.label for tick in Axis(0, 4600, 0, 100).ticks(4)] == ["0", "2,000", "4,000"]


@pytest.mark.parametrize("numbers", [[], [float("nan")], [float("inf"), 3.0], [0.0, 0.0], [1e-320]])
def test_a_span_of_nothing_is_still_an_axis(numbers):
    low, high = span(numbers)
    assert Axis(low, high, 0, 100).ticks(3)
