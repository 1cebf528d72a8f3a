"""Every published comparison comes out to four digits."""

import pytest

from verify.stats.leaderboard import Leaderboard
from verify.stats.published import Recomputed, entries, recompute, table

ENTRIES = entries()
BOARD = Leaderboard.load()
NAMES = [entry["name"] for entry in ENTRIES]


def of(name: str) -> Recomputed:
    return next(one for one in table(BOARD) if one.name == name)


def test_no_published_comparison_is_left_out():
    assert len(ENTRIES) == 19
    assert len(set(NAMES)) == 19
    assert sum("stated" in entry for entry in ENTRIES) == 9
    assert sum("strict" in entry for entry in ENTRIES) == 5
    assert sum("p_ddof0" in entry for entry in ENTRIES) == 4


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_p_is_right_to_four_digits(entry):
    assert f"{recompute(entry, BOARD).p:.4f}" == f"{entry['p']:.4f}"


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if "strict" in entry], ids=lambda entry: entry["name"])
def test_the_strict_test_is_right_to_four_digits(entry):
    found = recompute(entry, BOARD)
    assert f"{found.p_strict:.4f}" == f"{entry['strict']['p']:.4f}"
    assert f"{found.gain_nats_per_token:.5f}" == f"{entry['strict']['gain']:.5f}"


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if "p_ddof0" in entry], ids=lambda entry: entry["name"])
def test_the_population_deviations_give_the_p_that_was_noted(entry):
    low, high = entry["p_ddof0"]
    assert low <= round(recompute(entry, BOARD).p_printed, 4) <= high


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if "stated" in entry], ids=lambda entry: entry["name"])
def test_the_stated_p_is_explained(entry):
    assert recompute(entry, BOARD).explains


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_the_logs_say_what_was_published(entry):
    found = recompute(entry, BOARD)
    assert found.p_logs == pytest.approx(found.p, abs=0.001)


def test_the_chain_of_april_used_sample_deviations():
    for entry in ENTRIES:
        if entry["source"] == "chain" and "stated" in entry:
            assert {"logs", "ddof 1"} <= set(recompute(entry, BOARD).explains)


def test_three_of_the_round_of_may_used_population_deviations_and_one_did_not():
    ways = {one.name: one.explains for one in table(BOARD) if one.source == "round" and one.stated}
    assert {name: "logs" in found for name, found in ways.items()} == {
        "PR 1945 v2 against PR 1855": False,
        "PR 1953 against PR 1945 v2": False,
        "PR 2014 against PR 1953": False,
        "PR 2135 against PR 2014": True,
    }


def test_with_population_deviations_a_p_is_too_small():
    found = [(one.p_ddof0, one.p) for one in table(BOARD) if one.p_ddof0 is not None]
    assert len(found) == 17
    assert all(population < sample for population, sample in found)


def test_every_stated_p_of_the_board_is_below_a_quarter_but_the_one_that_was_left_out_first():
    over = [one.name for one in table(BOARD) if one.stated and one.p >= 0.25]
    assert over == ["PR 1855 against PR 1868, original and re-run"]
