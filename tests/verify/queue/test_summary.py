"""A queue in numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.queue.rows import row
from verify.queue.run import Queue
from verify.queue.summary import quantile, summary


def test_submissions_are_counted_by_check_and_by_rule():
    rows = [
        row(
            "A",
            1,
            status="fail",
            codes={"artifact-bytes.runs": "fail", "artifact-bytes.stated": "fail", "no-slot.loop": "lead"},
        ),
        row("B", 2, status="warn", codes={"artifact-bytes.runs": "warn"}),
    ]
    found = summary(Queue(rows=rows, fresh=rows), 3, 0, {})
    assert found["statuses"] == {"fail": 1, "warn": 1}
    assert found["checks"]["artifact-bytes.runs"] == {"fail": 1, "warn": 1}
    assert found["rules"]["artifact-bytes"] == {"fail": 1, "warn": 1}  # a submission counts once
    assert found["rules"]["no-slot"] == {"lead": 1}


def test_memory_is_each_process_at_its_largest_and_ours():
    rows = [
        row("A", 1, process=7, bytes_peak=100),
        row("B", 2, process=7, bytes_peak=300),
        row("C", 3, process=8, bytes_peak=50),
    ]
    assert summary(Queue(rows=rows, fresh=rows), 3, 1000, {})["bytes_peak"] == 1350


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_a_value_that_so_many_do_not_exceed(values, share):
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    below = [value for value in ordered if value < found]
    assert len(below) < share * len(ordered) + 1e-9


def test_an_empty_queue_has_no_times():
    found = summary(Queue(), 0, 10, {})
    assert found["milliseconds"]["median"] is None
    assert found["bytes_peak"] == pytest.approx(10)
