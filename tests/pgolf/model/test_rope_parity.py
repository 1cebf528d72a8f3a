import pytest
import torch

from pgolf.model.rope import rotate, tables
from tests.golden.load import assert_close, settings, tensors

CASES = list(enumerate(settings("rotary").cases))


def test_there_are_cases_within_and_beyond_the_training_length():
    assert len(CASES) == 3
    assert [case.seq_len > case.train_seq_len for _, case in CASES] == [False, True, False]


@pytest.mark.parametrize(("i", "case"), CASES)
def test_tables_and_rotated_vectors_are_the_published_ones(i, case):
    stored = tensors("rotary")
    cos, sin = tables(case.seq_len, case.rope_dims, case.base, case.train_seq_len, torch.device("cpu"))
    assert_close(cos[None], stored[f"{i}.cos"], "rotary", "all")
    assert_close(sin[None], stored[f"{i}.sin"], "rotary", "all")
    assert_close(rotate(stored[f"{i}.x"], cos, sin), stored[f"{i}.y"], "rotary", "all")
