"""Whose runs may stand behind a claim: admission before pooling."""

import pytest

from tests.verify.stats.properties import SCORES, given
from verify.stats.leaderboard import Leaderboard, Seed
from verify.stats.strata import Group, admission, groups_of, held_to, outcomes, pool, same_seeds
from verify.stats.welch import Sample, welch

BOARD = Leaderboard.load()
FACTS = {
    "gpus": 8,
    "gpu": "NVIDIA H100 80GB HBM3",
    "artifact_bytes": 15_990_000,
    "train_seconds": 599.9,
    "eval_seconds": 400.0,
}
OWN = (1.0501, 1.0505, 1.0509)
OLD = (1.0520, 1.0524, 1.0528)


def group(*scores: float, name: str = "own", relation: str = "own", first_seed: int | None = 0, **changes) -> Group:
    facts = FACTS | changes
    seeds = tuple(
        Seed(seed=None if first_seed is None else first_seed + i, val_bpb=score, **facts)
        for i, score in enumerate(scores)
    )
    return Group(name, seeds, relation)


def kinds(found) -> list[str]:
    return [one.kind for one in found]


def test_runs_inside_every_limit_are_admissible():
    assert admission(group(*OWN)) == ("admissible", ())


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"gpus": 4}, "environment"),
        ({"gpu": "NVIDIA H200"}, "environment"),
        ({"gpu": "AMD Instinct MI250X"}, "environment"),
        ({"artifact_bytes": 16_000_001}, "size"),
        ({"train_seconds": 600.51}, "training"),
        ({"eval_seconds": 600.1}, "evaluation"),
    ],
)
def test_a_run_over_one_limit_is_not_admissible_and_says_which(changes, word):
    status, reasons = admission(group(*OWN, **changes))
    assert status == "not admissible"
    assert [reason.partition(":")[0] for reason in reasons] == [word]


def test_a_run_at_a_limit_is_inside_it():
    at = group(*OWN, artifact_bytes=16_000_000, train_seconds=600.5, eval_seconds=600.0)
    assert admission(at) == ("admissible", ())


@pytest.mark.parametrize("missing", list(FACTS))
def test_what_is_not_said_is_unproven(missing):
    status, reasons = admission(group(*OWN, **{missing: None}))
    assert status == "unproven"
    assert len(reasons) == 1


def test_one_run_of_three_over_a_limit_is_enough():
    seeds = group(*OWN).seeds
    mixed = Group("own", (*seeds[:2], seeds[2].model_copy(update={"artifact_bytes": 16_100_000})))
    assert admission(mixed)[0] == "not admissible"


def test_what_the_organisers_accepted_is_admissible_and_still_says_what_is_over():
    status, reasons = admission(groups_of(BOARD.row(1412))[0])
    assert status == "admissible"
    assert any("16,059,704 bytes" in reason for reason in reasons)


def test_a_claim_about_the_hardware_serves_where_the_log_is_silent():
    bare = group(*OWN, gpu=None, gpus=None)
    said = Group("own", bare.seeds, hardware="8× H100 80GB SXM")
    assert admission(said)[0] == "admissible"
    assert admission(Group("own", bare.seeds, hardware="4xA100"))[0] == "not admissible"


def test_other_claims_are_never_evidence():
    for relation in ("superseded", "other version", "contradicting"):
        assert admission(group(*OWN, relation=relation))[0] == "not admissible"


def test_without_reproductions_there_is_one_test_and_it_decides():
    found = outcomes([group(*OWN)], [group(*OLD)], 3.7)
    assert [(one.kind, one.decides) for one in found] == [("own", True)]
    assert found[0].comparison.p == welch(Sample.of(OWN), Sample.of(OLD)).p


def test_an_admissible_reproduction_is_pooled_beside_the_own_test():
    again = group(1.0503, 1.0507, name="again", relation="reproduction")
    found = outcomes([group(*OWN), again], [group(*OLD)], 3.7)
    assert kinds(found) == ["own", "pooled", "stratum"]
    assert [one.decides for one in found] == [True, False, False]
    assert found[1].comparison.p == welch(Sample.of((*OWN, 1.0503, 1.0507)), Sample.of(OLD)).p


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact_bytes": 16_112_007},
        {"gpus": 1},
        {"train_seconds": 700.0},
        {"eval_seconds": 700.0},
        {"eval_seconds": None},
    ],
)
def test_a_reproduction_that_is_not_admissible_is_never_in_the_pool(changes):
    again = group(1.03, 1.04, name="again", relation="reproduction", **changes)
    found = outcomes([group(*OWN), again], [group(*OLD)], 3.7)
    assert kinds(found) == ["own", "pooled regardless", "stratum"]
    assert found[0].comparison.n_new == 3


def test_a_superseded_version_is_in_no_test():
    old_version = group(1.03, 1.04, name="v1", relation="superseded")
    found = outcomes([group(*OWN), old_version], [group(*OLD), old_version], 3.7)
    assert kinds(found) == ["own"]


def test_one_run_in_two_groups_counts_once_and_is_said():
    sample, notes = pool([group(*OWN), group(OWN[0], 1.06, name="again")])
    assert sample.n == 4
    assert notes == ("the run with 1.0501 stands in own and in again: counted once",)


@given(SCORES, SCORES)
def test_the_order_of_the_pool_does_not_matter(left, right):
    a, b = group(*left, name="a"), group(*right, name="b")
    assert pool([a, b])[0].mean == pytest.approx(pool([b, a])[0].mean, rel=1e-12)
    assert pool([a, b])[0].n == len({*left, *right}) == pool([b, a])[0].n


def test_a_mean_alone_cannot_be_pooled():
    given = Group("given", (), given=Sample.summary(1.05, 0.0005, 3))
    sample, notes = pool([given, group(*OWN)])
    assert (sample.n, sample.mean) == (3, 1.05)
    assert "nothing can be pooled" in notes[0]
    assert pool([given]) == (given.sample, ())


def test_a_row_of_one_run_is_held_to_its_reproduction():
    assert held_to(groups_of(BOARD.row(1851))).name == "PR 1851: PR 1868, compliance re-run"
    assert held_to(groups_of(BOARD.row(1855))).name == "PR 1855"
    lone = [group(1.05), group(*OLD, name="v1", relation="superseded")]
    assert held_to(lone) is lone[0]


def test_pairs_are_runs_of_equal_seeds():
    assert same_seeds(group(*OWN), group(*OLD)) == (list(OWN), list(OLD))
    assert same_seeds(group(*OWN, first_seed=0), group(*OLD, first_seed=2)) is None
    assert same_seeds(group(*OWN, first_seed=None), group(*OLD)) is None


def test_a_seed_that_occurs_twice_pairs_nothing():
    twice = Group("twice", tuple(Seed(seed=7, val_bpb=score) for score in OWN))
    assert same_seeds(twice, twice) is None


def test_the_board_pooled_a_run_over_the_cap_and_that_test_is_shown_and_does_not_decide():
    found = outcomes(groups_of(BOARD.row(1855)), groups_of(BOARD.row(1868)), 3.157152)
    said = [(one.kind, round(one.comparison.p, 3), one.decides) for one in found[:2]]
    assert said == [("own", 0.355, True), ("pooled regardless", 0.188, False)]


def test_equal_seeds_are_paired_for_information():
    found = outcomes(groups_of(BOARD.row(1945)), groups_of(BOARD.row(1855)), 3.157152)[0].comparison
    assert round(found.p_paired, 3) == 0.008
    assert round(found.p, 3) == 0.056
