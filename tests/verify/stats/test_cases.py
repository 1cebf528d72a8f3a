"""A submission on the board: the record it has to beat, the tests that its verdict shows, the curve to draw under its own."""

import pytest

from verify.logs.model import Claim, Metric, Run, SeedResult, Size, Value
from verify.policy.model import Policy
from verify.rule import Case
from verify.stats.cases import bytes_per_token, date_of, group_of, incumbent_of
from verify.stats.comparisons import comparisons_of, reproductions
from verify.stats.curves import curve_of, previous_record_curves
from verify.stats.leaderboard import Leaderboard
from verify.stats.welch import LN_2
from verify.submission.model import Metadata, Readme, Submission

BOARD = Leaderboard.load()
CASEOPS = 3.157152
POLICY = Policy(name="none", version=1, title="", description="", rules={})


class Tree:
    location, sha = "records/track_10min_16mb/x", None

    def __init__(self, name="2026-04-28_Mine", pr=None, date=None):
        self.name, self.pr, self.date = name, pr, date


def result(seed: int, bpb: float | None, ratio: float | None = CASEOPS) -> SeedResult:
    loss = None if bpb is None or ratio is None else bpb * LN_2 * ratio
    run = Run(file=f"train_seed{seed}.log", index=0, first_line=1, last_line=99)
    run.sizes = [Size("total", "Total submission size", 15_950_000 + seed, 90, "")]
    run.train_seconds, run.world_size = Value(596.1, 80, ""), Value(8, 2, "")
    metric = Metric("final", "ttt", loss, bpb, 400.0, 95, "final")
    return SeedResult(run, "claimed", seed, metric=metric)


def case(*scores, tree: Tree | None = None, track="10min", date=None, ratio=CASEOPS) -> Case:
    submission = Submission(
        tree=tree or Tree(), files=(), track=track, readme=Readme(), metadata=Metadata(date=date), scripts=(), main=None,
        logs=(), requirements={}, tokenizers=(), helpers=(), problems=(),
    )  # fmt: skip
    claim = Claim(results=[result(seed, score, ratio) for seed, score in enumerate(scores)])
    return Case(submission, [], claim, POLICY, BOARD)


def test_the_claimed_runs_carry_what_their_logs_say():
    seed = group_of(case(1.05, 1.051)).seeds[1]
    assert (seed.val_bpb, seed.artifact_bytes, seed.train_seconds, seed.eval_seconds, seed.gpus) == (
        1.051,
        15_950_001,
        596.1,
        400.0,
        8,
    )
    assert (seed.file, seed.line) == ("train_seed1.log", 95)


@pytest.mark.parametrize("score", [None, float("nan"), float("inf")])
def test_a_run_without_a_score_is_left_out(score):
    assert [seed.val_bpb for seed in group_of(case(1.05, score)).seeds] == [1.05]


def test_bytes_per_token_come_from_loss_and_bpb_of_every_run():
    assert bytes_per_token(group_of(case(1.05, 1.06)).seeds) == pytest.approx(CASEOPS)
    assert bytes_per_token(group_of(case(1.05, 1.06, ratio=None)).seeds) is None
    assert bytes_per_token(()) is None
    with_loss, without = group_of(case(1.05)).seeds, group_of(case(1.06, ratio=None)).seeds
    assert bytes_per_token(with_loss + without) is None


def test_a_pull_request_has_to_beat_the_best_row_before_it():
    assert incumbent_of(case(1.05, tree=Tree(pr=1900))).row.pr == 1855
    assert incumbent_of(case(1.05, tree=Tree(pr=1395), date="2026-05-01")).row.pr == 1394


def test_a_row_of_the_board_has_to_beat_the_row_before_it():
    itself = BOARD.row(1787).scores
    found = incumbent_of(case(*itself, tree=Tree("2026-04-23_X", date="2026-05-03")))
    assert found.row.pr == 1769
    assert "PR 1787" in found.how


def test_a_copy_under_another_number_has_to_beat_the_original():
    assert incumbent_of(case(*BOARD.row(1787).scores, tree=Tree(pr=1800))).row.pr == 1787


@pytest.mark.parametrize(
    ("date", "name", "commit", "day"),
    [
        ("2026-04-06T01:00:00Z", "x", "2026-05-03", "2026-04-06"),
        (None, "2026-04-06_Mine", "2026-05-03", "2026-04-06"),
        (None, "mine", "2026-04-06T10:00:00+00:00", "2026-04-06"),
        ("1999-01-01", "mine", "2026-04-06", "2026-04-06"),
        ("yesterday", "mine", None, None),
    ],
)
def test_without_a_number_the_day_decides(date, name, commit, day):
    asked = case(1.05, tree=Tree(name, date=commit), date=date)
    assert date_of(asked) == day
    assert incumbent_of(asked).row.pr == (1413 if day else 2135)


def test_other_tracks_have_no_record_to_beat():
    asked = case(1.05, 1.06, track="non_record")
    assert incumbent_of(asked) is None
    assert comparisons_of(asked) == []
    assert previous_record_curves(asked) == []


def test_a_claim_without_a_score_is_not_compared():
    assert comparisons_of(case()) == []
    assert comparisons_of(case(None)) == []


def test_the_first_comparison_is_the_own_runs_against_the_record():
    own = (1.0590, 1.0592, 1.0596)
    first = comparisons_of(case(*own, tree=Tree(pr=1900)))[0]
    assert (first.new, first.against_pr, first.n_old) == (own, 1855, 3)
    assert first.p < 0.1
    assert first.bytes_per_token == pytest.approx(CASEOPS)
    assert first.notes[0] == "the best row before PR 1900"


def test_a_record_that_was_not_reproduced_is_followed_by_the_one_before_it():
    found = comparisons_of(case(1.0855, 1.0857, 1.0859, tree=Tree(pr=1390)))
    assert [one.against_pr for one in found] == [1334, 1285]
    assert "did not reach its score" in found[1].notes[0]


def test_runs_of_others_behind_a_row_are_said_and_do_not_decide():
    first = comparisons_of(case(*BOARD.row(1855).scores, tree=Tree(pr=1855)))[0]
    assert (first.n_new, round(first.p, 4)) == (3, 0.3554)
    assert any("okezue" in note and "0.1882" in note and "admissible" in note for note in first.notes)


def test_a_copy_of_a_row_has_no_runs_of_others_behind_it():
    copied = case(*BOARD.row(1855).scores, tree=Tree(pr=1860))
    assert reproductions(copied, group_of(copied)) == []
    assert comparisons_of(copied)[0].gain_bpb == 0


def test_every_row_that_was_the_best_has_a_curve_but_the_one_without_a_log():
    for row in BOARD.chain():
        curve = curve_of(row)
        assert (curve is None) == (row.pr == 86)
        if curve:
            steps = [step for step, _ in curve.train]
            assert steps == sorted(set(steps))
            assert 10 <= len(curve.train) <= 60
            assert 1 <= len(curve.validation) <= 60
            assert all(0.5 < loss < 25 for _, loss in (*curve.train, *curve.validation))
            assert curve.is_previous_record


def test_only_a_curve_on_the_same_scale_is_drawn_under_the_own():
    tree = Tree(pr=1900)
    assert [curve.name for curve in previous_record_curves(case(1.05, tree=tree))] == ["PR 1855"]
    assert previous_record_curves(case(1.05, tree=tree, ratio=2.4359)) == []
    assert previous_record_curves(case(1.05, tree=tree, ratio=None)) == []
