"""What charts are made of: seeds apart from each other, the cap and the budgets where they belong, over told from under."""

import re

import pytest

from tests.verify.report.verdicts import SEEDS, bare, curve, verdict
from verify.report.chart_bars import phases_of, sizes_of
from verify.report.chart_curves import curves_of
from verify.report.chart_dots import significance_of
from verify.report.html import seed_styles
from verify.stats.welch import Sample, compare_samples
from verify.verdict import Phase


def test_eight_seeds_have_eight_styles_and_the_record_before_has_its_own():
    drawn = curves_of(verdict())
    assert drawn is not None
    assert len({style for style, _ in drawn.legend if style[0] == "s"}) == len(SEEDS) == 8
    assert {style for style, _ in drawn.legend if style[0] == "p"} == {"p0", "p1", "p2"}


def test_a_seed_has_the_same_style_in_every_chart():
    made = verdict()
    styles = seed_styles(made)
    drawn, sizes = curves_of(made), sizes_of(made, styles)
    assert drawn is not None
    assert sizes is not None
    by_name = {name: style for style, name in drawn.legend}
    for dot in sizes.lines[0].dots:
        name = dot.title.partition(",")[0]
        assert by_name[name] == dot.style


def test_every_point_of_a_curve_lies_in_the_box_after_the_start():
    drawn = curves_of(verdict())
    assert drawn is not None
    for chart in drawn.charts:
        assert len(chart.lines) == 11
        for line in chart.lines:
            points = [tuple(map(float, point.split(","))) for point in line.points.split()]
            assert all(-200 <= x <= 1000 for x, _ in points)
            assert all(0 <= y <= 1000 for x, y in points if x > 60)


def test_the_table_of_curves_has_the_ends_of_every_run():
    drawn = curves_of(verdict())
    assert drawn is not None
    assert drawn.rows[0][0] == "0"
    assert drawn.rows[-1][0] == "last validation"
    assert all(len(row) == 12 for row in drawn.rows)


def test_no_curve_no_chart():
    assert curves_of(bare()) is None
    one_point = curve(1, 0.0).model_copy(update={"train": ((5, 3.0),), "validation": ()})
    assert curves_of(verdict(curves=(one_point,))) is None


def test_totals_over_the_cap_lie_beyond_it_and_say_so():
    made = verdict()
    chart = sizes_of(made, seed_styles(made))
    assert chart is not None
    for line in chart.lines:
        for dot in line.dots:
            assert dot.is_over == (dot.x > chart.cap_x) == ("over the cap" in dot.title)
    assert [line.extent for line in chart.lines] == [
        "15,898,000 to 15,926,000 ✓",
        "15,991,000 to 16,019,000, 5 of 8 over",
    ]


def test_phases_add_up_and_what_is_over_its_budget_crosses_the_line():
    train, evaluation, outside = phases_of(verdict())
    for chart in (train, evaluation):
        assert chart.limit_x is not None
        for bar in chart.bars:
            last = bar.segments[-1]
            assert bar.is_over == (last.x + last.width > chart.limit_x + 0.01)
    assert [bar.is_over for bar in train.bars].count(True) == 4
    assert train.bars[4].label == "seed 2024: 600.5 s, 0.5 s over"
    assert outside.limit_x is None
    assert not any(bar.is_over for bar in outside.bars)


def test_two_runs_of_one_seed_are_two_bars():
    phases = [Phase(seed=1, name="training", seconds=590.0, budget="train", file=file, line=1) for file in ("a", "b")]
    (chart,) = phases_of(verdict(phases=tuple(phases)))
    assert len(chart.bars) == 2


def test_the_plot_of_significance_tells_both_readings_of_the_rule():
    new, old = [1.07928348, 1.07996676, 1.08024795], [1.08079, 1.08103, 1.08118]
    comparison = compare_samples(Sample.of(new), Sample.of(old), 3.7266, "PR 1493", 1493)
    (chart,) = significance_of(verdict(comparisons=(comparison,)))
    assert [reading.is_met for reading in chart.readings] == [False, False, True]
    assert chart.readings[2].p == "0.0204"
    assert [len(strip.dots) for strip in chart.strips] == [3, 3]
    assert chart.strips[0].mean < chart.strips[1].mean
    assert chart.gain is not None
    assert [mark.style for mark in chart.gain.marks] == ["zero", "token", "byte"]
    assert chart.gain.marks[0].x < chart.gain.x < chart.gain.marks[2].x


def test_the_margin_per_token_is_drawn_where_it_lies_in_bits_per_byte():
    (chart,) = significance_of(verdict())
    assert chart.gain is not None
    margin = re.search(r"0\.005 nats per token \((\d\.\d+)\)", chart.gain.text)
    assert margin is not None
    assert float(margin[1]) == pytest.approx(0.005 * 0.0015 / 0.00387, abs=1e-5)


def test_single_values_have_no_interval():
    comparison = compare_samples(Sample.of([1.08]), Sample.of([1.09]), None, "x")
    (chart,) = significance_of(verdict(comparisons=(comparison,)))
    assert [strip.interval for strip in chart.strips] == [None, None]
    assert [reading.is_met for reading in chart.readings] == [None, None, None]


def test_a_reading_is_met_only_below_its_own_level():
    comparison = verdict().comparisons[0].model_copy(update={"p_margin_token": 0.02, "p_margin_byte": 0.009, "p": 0.26})
    (chart,) = significance_of(verdict(comparisons=(comparison,)))
    assert [reading.is_met for reading in chart.readings] == [False, True, False]
