"""A short run of every fuzz target in each test run, a longer one among the slow tests; python -m tests.fuzz for more."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.engines import run_random
from tests.fuzz.faults import fault_of, shrunk
from tests.fuzz.seeds import WORDS, mutated, seeds
from tests.fuzz.targets import TARGETS

PIECES = st.lists(st.sampled_from(WORDS) | st.binary(max_size=12), max_size=12).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_made_of_telling_pieces_break_no_reader(name):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(PIECES)
    def check(data):
        assert fault_of(TARGETS[name], data) is None

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_edited_seeds_break_no_reader(name):
    chance = random.Random(name)
    pool = seeds()
    assert len(pool) >= 10
    assert [fault_of(TARGETS[name], mutated(data, chance)) for data in pool] == [None] * len(pool)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_minute_of_edits_breaks_no_reader(name, tmp_path):
    run_random(name, 60.0, tmp_path, seed=1)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".count"] == []


def test_a_fault_is_found_once_and_shrunk():
    def target(data: bytes) -> None:
        if b"x" in data:
            raise KeyError("x")

    found = fault_of(target, b"a" * 500 + b"x" + b"b" * 500)
    assert found is not None
    assert found[0].startswith("KeyError")
    assert shrunk(target, b"a" * 500 + b"x" + b"b" * 500, found[0]) == b"x"
