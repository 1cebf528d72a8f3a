"""The leaderboard file: its facts hold together, and the frontier by date."""

import itertools
import json
import os
import re
import subprocess
import time

import pytest

from verify.errors import BadInput
from verify.stats import leaderboard
from verify.stats.leaderboard import Leaderboard, Reproduction, Row, Seed
from verify.stats.welch import LN_2

BOARD = Leaderboard.load()
CHALLENGE = os.environ.get("PGOLF_CHALLENGE")


def row(order: int, *scores: float, created: str = "2026-04-01", **more) -> Row:
    given = {
        "pr": order,
        "track": "10min",
        "title": f"row {order}",
        "board_score": 2.0,
        "folder": "f",
        "commit": "c",
        "listed": "here",
    }
    seeds = tuple(Seed(seed=i, val_bpb=score) for i, score in enumerate(scores))
    return Row(order=order, created=created, seeds=seeds, **(given | more))


def test_the_board_has_the_rows_of_the_readme_and_of_the_round_of_may():
    assert sum(row.listed.startswith("README") and row.track == "10min" for row in BOARD.rows) == 44
    assert [row.pr for row in BOARD.rows if row.listed == "PR 2146"] == [1945, 1953, 2014, 2135]
    assert sum(row.track == "non_record" for row in BOARD.rows) == 15


def test_every_mean_rounds_to_what_the_board_prints_or_a_note_says_why_not():
    for row in BOARD.rows:
        decimals = len(str(row.board_score).partition(".")[2])
        assert abs(row.mean - row.board_score) <= 0.51 * 10**-decimals or row.notes, row.name


def test_loss_and_bpb_of_every_run_agree_with_its_tokenizer():
    for row in BOARD.rows:
        for seed in row.seeds:
            if seed.val_loss is not None:
                assert seed.val_loss / LN_2 / seed.val_bpb == pytest.approx(row.bytes_per_token, rel=1e-4), (
                    row.name,
                    seed,
                )


def test_every_run_of_a_log_names_its_file_and_line():
    seeds = [seed for row in BOARD.rows for seed in row.seeds]
    assert len(seeds) > 130
    assert all(seed.file and seed.line for seed in seeds)


def test_rows_stand_in_order_of_opening():
    for track in ("10min", "non_record"):
        rows = [row for row in BOARD.rows if row.track == track]
        assert [row.order for row in rows] == sorted(row.order for row in rows)
        assert [row.created for row in rows] == sorted(row.created for row in rows)
        assert all(row.merged is None or row.created <= row.merged for row in rows)


def test_what_the_organisers_could_not_reproduce_is_marked():
    assert [row.pr for row in BOARD.rows if row.is_disputed] == [86, 640, 1334]
    assert BOARD.row(1855).reproduction.outcome == "reproduced"


def test_the_frontier_of_a_day_is_the_best_row_of_that_day_or_earlier():
    assert BOARD.frontier("2026-03-17") is None
    assert BOARD.frontier("2026-03-18").name == "Naive Baseline"
    assert BOARD.frontier("2026-04-05").pr == 1394
    assert BOARD.frontier("2026-04-08T23:59:59Z").pr == 1477
    assert BOARD.frontier().pr == 2135


def test_the_frontier_before_a_pull_request_leaves_later_ones_out():
    assert BOARD.frontier(before_pr=1855).pr == 1851
    assert BOARD.frontier(before_pr=1851).pr == 1787
    assert BOARD.frontier("2026-04-09", before_pr=1493).pr == 1477
    assert BOARD.frontier(before_pr=1).name == "Naive Baseline"
    assert BOARD.frontier(before_pr=0) is None


def test_the_second_folder_of_pull_request_65_counts_from_when_it_came():
    assert [row.order for row in BOARD.rows if row.pr == 65] == [65, 161]
    assert 161 not in {row.order for row in BOARD.before(before_pr=86)}


def test_a_disputed_row_can_be_left_out():
    assert BOARD.frontier(before_pr=1394).pr == 1334
    assert BOARD.frontier(before_pr=1394, without_disputed=True).pr == 1285


def test_every_row_of_the_chain_beats_the_one_before():
    chain = BOARD.chain()
    means = [row.mean for row in chain]
    assert len(chain) == 43
    assert means == sorted(means, reverse=True)
    assert all(BOARD.frontier(before_pr=row.order) is before for before, row in itertools.pairwise(chain))


def test_a_tie_keeps_the_older_row():
    board = Leaderboard(rows=(row(10, 1.25, 1.75), row(20, 1.5, 1.5)), schema="pgolf.leaderboard/1")
    assert board.frontier().pr == 10
    assert [row.pr for row in board.chain()] == [10]


def test_a_row_without_runs_counts_with_the_score_of_the_board():
    bare = row(30, board_score=1.15)
    assert (bare.scores, bare.mean) == ((), 1.15)


def test_only_a_failed_reproduction_is_a_dispute():
    for outcome, disputed in (("failed", True), ("questioned", False), ("reproduced", False)):
        assert row(1, 1.1, reproduction=Reproduction(outcome=outcome, source="s")).is_disputed is disputed


def test_a_submission_is_known_by_its_exact_scores():
    assert BOARD.itself([1.06208695, 1.05989454, 1.06124613]).pr == 1855
    assert BOARD.itself([1.06208695, 1.05989454]) is None
    assert BOARD.itself([1.06208695, 1.05989454, 1.06124614]) is None
    assert BOARD.itself([]) is None
    assert BOARD.itself([1.1898]) is None
    assert BOARD.itself([1.1898], track="non_record").pr == 542


def test_the_last_row_of_a_pull_request_is_given():
    assert BOARD.row(65).order == 161
    assert BOARD.row(99999) is None


def test_it_loads_in_less_than_ten_milliseconds():
    times = []
    for _ in range(5):
        leaderboard._shipped.cache_clear()
        start = time.process_time()
        Leaderboard.load()
        times.append(time.process_time() - start)
    assert min(times) < 0.010


NO_BOARDS = (
    "",
    "not json",
    "[]",
    "{}",
    '{"schema": "other", "rows": []}',
    '{"schema": "pgolf.leaderboard/1", "rows": [{"order": 1}]}',
    "[" * 100_000,
)


@pytest.mark.parametrize("text", NO_BOARDS)
def test_a_file_that_is_no_leaderboard_is_bad_input(tmp_path, text):
    (tmp_path / "board.json").write_text(text)
    with pytest.raises(BadInput, match=r"board\.json.*leaderboard\.json"):
        Leaderboard.load(tmp_path / "board.json")


def test_no_file_at_all_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        Leaderboard.load(tmp_path / "none.json")


def test_a_board_of_ones_own_is_read(tmp_path):
    data = {"schema": "pgolf.leaderboard/1", "rows": [row(7, 1.1, 1.2).model_dump(mode="json")]}
    (tmp_path / "board.json").write_text(json.dumps(data))
    assert Leaderboard.load(tmp_path / "board.json").frontier().pr == 7


@pytest.mark.skipif(not CHALLENGE, reason="needs PGOLF_CHALLENGE, a clone with the heads of all pull requests")
def test_every_score_stands_where_the_file_says():
    places = [(f"{row.commit}:{row.folder}/{seed.file}", seed) for row in BOARD.rows for seed in row.seeds]
    asked = "".join(f"{name}\n" for name, _ in places)
    command = ["git", f"--git-dir={CHALLENGE}", "cat-file", "--batch"]
    got = subprocess.run(command, input=asked.encode(), capture_output=True, check=True).stdout
    at = 0
    for name, seed in places:
        head, at = got[at : got.index(b"\n", at)], got.index(b"\n", at) + 1
        assert b" blob " in head, name
        size = int(head.split()[-1])
        line = got[at : at + size].decode("utf-8", "replace").splitlines()[seed.line - 1]
        at += size + 1
        numbers = {float(text) for text in re.findall(r"\d+\.\d+", line)}
        assert {seed.val_bpb, seed.val_loss} <= numbers, (name, seed.line, line)
