"""Which window scores which target: for any stream and any window, every target once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pgolf.evals import blocks, sliding
from pgolf.evals.windows import batches
from tests.recipes import quick, tree


@st.composite
def passes(draw):
    """A plan, its number of targets, its window and its stride."""
    window = draw(st.integers(1, 40))
    targets = draw(st.integers(1, 300))
    if draw(st.booleans()):
        return blocks.plan(tree(window=window), targets), targets, window, window
    stride = draw(st.integers(1, window))
    return sliding.plan(tree(window=window, stride=stride), targets), targets, window, stride


@quick
@given(passes())
def test_every_target_is_scored_once_and_in_order(case):
    plan, targets, _, _ = case
    scored = [target for _, first, stop in plan.tolist() for target in range(first, stop)]
    assert scored == list(range(targets))
    assert (plan[:, 1] < plan[:, 2]).all()


@quick
@given(passes())
def test_a_window_reads_what_it_scores_and_no_more_than_its_length(case):
    plan, _, window, _ = case
    assert (plan[:, 0] >= 0).all()
    assert (plan[:, 0] <= plan[:, 1]).all()
    assert (plan[:, 2] - plan[:, 0] <= window).all()
    assert (np.diff(plan[:, 0]) > 0).all()


@quick
@given(passes())
def test_every_token_beyond_the_first_window_has_the_context_that_the_stride_leaves(case):
    plan, _, window, stride = case
    for begin, first, stop in plan.tolist():
        # Target t is the token after position t: it is predicted from positions begin .. t.
        context = [target - begin + 1 for target in range(first, stop)]
        if first >= window:
            assert min(context) > window - stride
        if begin == 0:
            assert context == list(range(first + 1, stop + 1))


@quick
@given(passes(), st.integers(1, 9))
def test_batches_follow_one_another_are_no_larger_than_asked_and_score_alike(case, size):
    plan, _, window, _ = case
    parts = list(batches(plan, window, size))
    assert np.array_equal(np.concatenate(parts), plan)
    for part in parts:
        assert 1 <= len(part) <= size
        assert len(set((part[:, 1] - part[:, 0]).tolist())) == 1
    # As few as can be: only the first window scores more than the others, and so stands alone.
    assert len(parts) <= 1 + -(-(len(plan) - 1) // size) if len(plan) > 1 else len(parts) == 1


def test_the_published_sliding_pass_has_633409_windows():
    plan = sliding.plan(tree(window=2048, stride=64), 40_540_160)
    assert len(plan) == 633_409
    assert plan[:2].tolist() == [[0, 0, 2048], [64, 2048, 2112]]
    assert plan[-1].tolist() == [40_538_112, 40_540_096, 40_540_160]


def test_the_published_plain_pass_has_19795_windows():
    assert len(blocks.plan(tree(window=2048), 40_540_160)) == 19_795


def test_a_stride_as_long_as_the_window_is_back_to_back():
    assert np.array_equal(sliding.plan(tree(window=8, stride=8), 53), blocks.plan(tree(window=8), 53))


def test_each_method_has_a_label_of_its_own():
    assert blocks.label(tree()) != sliding.label(tree())
