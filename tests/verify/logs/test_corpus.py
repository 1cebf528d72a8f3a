"""The corpus and the benchmark: what the reader takes of real logs is what their truth says."""

import os

import pytest

from tests.verify.agreement import compare_corpus, compare_last_scores

CORPUS, BENCHMARK, CHALLENGE = (os.environ.get(f"PGOLF_{name}") for name in ("CORPUS", "BENCHMARK", "CHALLENGE"))


@pytest.mark.skipif(not (CORPUS and CHALLENGE), reason="PGOLF_CORPUS and PGOLF_CHALLENGE are not set")
def test_the_corpus_is_read_as_its_truth_says():
    found = compare_corpus(CORPUS, CHALLENGE)
    assert found.total > 2400
    assert found.share_right >= 0.99, "\n".join(found.differences)
    assert not found.mismatches, "\n".join(found.differences)


@pytest.mark.skipif(not (BENCHMARK and CHALLENGE), reason="PGOLF_BENCHMARK and PGOLF_CHALLENGE are not set")
def test_the_last_scores_that_the_benchmark_quotes_are_the_ones_taken():
    found = compare_last_scores(BENCHMARK, CHALLENGE)
    assert found.total > 300
    assert not found.differences, "\n".join(found.differences)
