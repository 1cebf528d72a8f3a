"""Two ranks together compute what one computes alone."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.pgolf.core.two_processes import PARTS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The results of rank 0 and of rank 1."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    usual = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.pgolf.core.two_processes", str(folder / str(rank))],
            env={**os.environ, **usual, "RANK": str(rank)},
            cwd=ROOT,
        )
        for rank in range(2)
    ]
    try:
        codes = [process.wait(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0]
    return [torch.load(folder / str(rank)) for rank in range(2)]


def test_there_are_thirteen_things_that_ranks_do_together():
    assert len(PARTS) == 13


@pytest.mark.parametrize("name", PARTS)
def test_both_ranks_have_what_one_process_has(together, name):
    alone = PARTS[name]()
    for results in together:
        found = results.get(name, "not reached")
        assert not isinstance(found, str), found
        assert sorted(found) == sorted(alone)
        for key, value in alone.items():
            torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-5)


def test_ranks_agree_to_the_last_bit(together):
    for name in ("weights", "totals", "test-time training", "adapters and pauses", "rank 0's number"):
        zero, one = (results[name] for results in together)
        assert all(torch.equal(zero[key], one[key]) for key in zero)


def test_a_chunk_that_is_not_scored_once_by_all_ranks_together_is_refused_on_both(together):
    for results in together:
        found = {name: bool(refused) for name, refused in results["refusal of a chunk that is not scored"].items()}
        assert found == {"last not scored": True, "half twice": True, "scored": False}


def test_a_target_that_both_ranks_score_is_refused_on_both(together):
    assert [results["refusal of a target that both score"]["refused"].item() for results in together] == [1, 1]
