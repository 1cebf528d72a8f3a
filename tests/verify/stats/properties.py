"""Property tests of this folder: scores as logs print them, and no deadline on a busy machine."""

import hypothesis
from hypothesis import strategies as st

EXAMPLES = 60

# Distinct values on a grid of 1e-6: the spread is never only rounding.
SCORES = st.lists(st.integers(900_000, 1_300_000), min_size=2, max_size=8, unique=True).map(
    lambda v: [x / 1e6 for x in v]
)


def given(*strategies, examples: int = EXAMPLES):
    def decorate(test):
        return hypothesis.settings(deadline=None, max_examples=examples)(hypothesis.given(*strategies)(test))

    return decorate
