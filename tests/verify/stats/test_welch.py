"""The one-sided Welch test: agreement with scipy and with permutation, invariances, and silence where it means nothing."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from scipy import stats

from tests.verify.stats.properties import SCORES, given
from verify.stats.welch import (
    LN_2,
    Sample,
    compare,
    compare_samples,
    margin_bpb,
    meets_board,
    meets_readme,
    paired,
    welch,
)

MARGIN = st.floats(0.0, 0.05)
NEW, OLD = [1.0793, 1.0800, 1.0802], [1.0808, 1.0810, 1.0812]


def p_of(new, old, margin=0.0):
    return welch(Sample.of(new), Sample.of(old), margin).p


@given(SCORES, SCORES)
def test_p_is_scipys(new, old):
    theirs = stats.ttest_ind(new, old, equal_var=False, alternative="less")
    ours = welch(Sample.of(new), Sample.of(old))
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert ours.df == pytest.approx(theirs.df, rel=1e-6)
    assert ours.t == pytest.approx(-theirs.statistic, rel=1e-6, abs=1e-9)


@given(SCORES, SCORES)
def test_the_two_sided_p_and_the_interval_are_scipys(new, old):
    theirs = stats.ttest_ind(old, new, equal_var=False)
    ours = welch(Sample.of(new), Sample.of(old))
    assert ours.p_two_sided == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert ours.ci == pytest.approx(tuple(theirs.confidence_interval(0.90)), rel=1e-6, abs=1e-9)


@given(SCORES, SCORES, MARGIN)
def test_a_margin_is_a_shift_of_the_old_side(new, old, margin):
    shifted = stats.ttest_ind(new, [x - margin for x in old], equal_var=False, alternative="less")
    assert p_of(new, old, margin) == pytest.approx(shifted.pvalue, rel=1e-6, abs=1e-12)


@given(SCORES, SCORES)
def test_a_summary_gives_the_p_of_its_values(new, old):
    a, b = Sample.of(new), Sample.of(old)
    short = welch(Sample.summary(a.mean, a.std, a.n), Sample.summary(b.mean, b.std, b.n))
    theirs = stats.ttest_ind_from_stats(a.mean, a.std, a.n, b.mean, b.std, b.n, equal_var=False, alternative="less")
    assert short.p == p_of(new, old) == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)


@given(SCORES, SCORES, st.integers(-200_000, 200_000))
def test_a_shift_of_both_sides_changes_nothing(new, old, shift):
    moved = [[x + shift / 1e6 for x in side] for side in (new, old)]
    assert p_of(*moved) == pytest.approx(p_of(new, old), rel=1e-5, abs=1e-9)


@given(SCORES, SCORES, st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(new, old, factor):
    scaled = [[x * factor for x in side] for side in (new, old)]
    assert p_of(*scaled) == pytest.approx(p_of(new, old), rel=1e-6, abs=1e-9)


@given(SCORES, SCORES, st.randoms())
def test_the_order_of_the_seeds_does_not_matter(new, old, random):
    mixed = random.sample(new, len(new))
    assert p_of(mixed, old) == p_of(new, old)


@given(SCORES, SCORES)
def test_exchanging_the_sides_gives_the_other_tail(new, old):
    assert p_of(new, old) + p_of(old, new) == pytest.approx(1.0, abs=1e-12)


@given(SCORES, SCORES, st.lists(MARGIN, min_size=2, max_size=5))
def test_a_larger_margin_is_never_easier(new, old, margins):
    found = [p_of(new, old, margin) for margin in sorted(margins)]
    assert found == sorted(found)


@given(SCORES, SCORES)
def test_the_interval_holds_the_gain_and_zero_where_p_says_so(new, old):
    ours = welch(Sample.of(new), Sample.of(old))
    assert ours.ci[0] <= ours.gain <= ours.ci[1]
    assume(abs(ours.p - 0.05) > 1e-9)
    assert (ours.ci[0] > 0) == (ours.p < 0.05)


def test_p_agrees_with_a_permutation_test():
    random = np.random.default_rng(7)
    new, old = random.normal(1.0795, 0.0006, 9), random.normal(1.0799, 0.0006, 9)
    seen = old.mean() - new.mean()
    both = np.concatenate([new, old])
    chosen = np.array(list(itertools.combinations(range(18), 9)))
    sums = both[chosen].sum(axis=1)
    gains = (both.sum() - sums) / 9 - sums / 9
    assert p_of(list(new), list(old)) == pytest.approx((gains >= seen).mean(), abs=0.01)


def test_p_is_below_alpha_as_often_as_alpha_says():
    random = np.random.default_rng(3)
    pairs = random.normal(1.08, 0.0006, (1500, 2, 4))
    found = [p_of(list(new), list(old)) for new, old in pairs]
    for alpha in (0.05, 0.25):
        assert np.mean(np.array(found) < alpha) == pytest.approx(alpha, abs=3 * math.sqrt(alpha / 1500))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([], "no value"),
        ([1.08], "one value"),
        ([1.08, 1.08, 1.08], "the same"),
        ([1.08, math.nan], "not every value is a number"),
        ([1.08, math.inf], "not every value is a number"),
        ([0.1 + 0.2, 0.3], "rounding"),
    ],
)
def test_a_side_without_a_spread_gives_no_p_and_says_why(values, word):
    for comparison in (compare(values, OLD, 3.7, "old"), compare(NEW, values, 3.7, "old")):
        found = (
            comparison.p,
            comparison.p_margin_token,
            comparison.p_margin_byte,
            comparison.p_two_sided,
            comparison.ci,
        )
        assert found == (None,) * 5
        assert any(word in note for note in comparison.notes)
        assert (meets_board(comparison), meets_readme(comparison), meets_readme(comparison, "byte")) == (
            None,
            None,
            None,
        )


@pytest.mark.parametrize("mean", [1.08, math.nan])
@pytest.mark.parametrize(
    ("std", "n"), [(0.0, 3), (None, 3), (0.001, 1), (-0.001, 3), (math.nan, 3), (math.inf, 3), (0.001, 0)]
)
def test_a_summary_without_a_spread_gives_no_p(mean, std, n):
    tested = welch(Sample.summary(mean, std, n), Sample.of(OLD))
    assert tested.p is None
    assert tested.notes


def test_a_comparison_of_what_is_no_number_can_be_written_as_json():
    text = compare([math.nan, 1.0], OLD, math.inf, "old").model_dump_json()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_two_equal_values_are_tested_and_said():
    comparison = compare([1.08, 1.08, 1.079], OLD, 3.7, "old")
    assert comparison.p is not None
    assert any("2 of 3 values are the same" in note for note in comparison.notes)


def test_margins_are_in_nats_per_token_and_per_byte():
    comparison = compare(NEW, OLD, 3.7266, "old")
    assert margin_bpb(0.005, 3.7266) == pytest.approx(0.001936, abs=1e-6)
    assert margin_bpb(0.005) == pytest.approx(0.007213, abs=1e-6)
    assert comparison.p_margin_token == pytest.approx(p_of(NEW, OLD, 0.005 / LN_2 / 3.7266))
    assert comparison.p_margin_byte == pytest.approx(p_of(NEW, OLD, 0.005 / LN_2))
    assert comparison.gain_nats_per_token == pytest.approx(comparison.gain_bpb * LN_2 * 3.7266)


@pytest.mark.parametrize("ratio", [None, 0.0, -1.0, math.nan, math.inf])
def test_without_bytes_per_token_there_is_no_test_per_token(ratio):
    comparison = compare(NEW, OLD, ratio, "old")
    assert (comparison.p_margin_token, comparison.gain_nats_per_token, comparison.bytes_per_token) == (None, None, None)
    assert any("bytes per token" in note for note in comparison.notes)
    assert comparison.p is not None


@given(SCORES, st.data())
def test_the_paired_test_is_scipys(new, data):
    steps = st.lists(st.integers(-5_000, 5_000), min_size=len(new), max_size=len(new), unique=True)
    old = [x + step / 1e6 for x, step in zip(new, data.draw(steps), strict=True)]
    theirs = stats.ttest_rel(new, old, alternative="less")
    assert paired(new, old) == pytest.approx(theirs.pvalue, rel=1e-4, abs=1e-9)


def test_the_paired_test_never_decides():
    pairs = ([1.0, 1.1, 1.2], [1.01, 1.111, 1.21])
    comparison = compare_samples(Sample.of(pairs[0]), Sample.of(pairs[1]), None, "old", same_seeds=pairs)
    assert comparison.p_paired < 0.01
    assert not meets_board(comparison)


def test_the_rules_are_strict_inequalities_of_their_p():
    comparison = compare(NEW, OLD, 3.7266, "old")
    at = {"p": 0.25, "p_margin_token": 0.01, "p_margin_byte": 0.01}
    under = {"p": 0.2499, "p_margin_token": 0.0099, "p_margin_byte": 0.0099}
    for values, met in ((at, False), (under, True)):
        changed = comparison.model_copy(update=values)
        assert (meets_board(changed), meets_readme(changed), meets_readme(changed, "byte")) == (met, met, met)
