"""The same under another name: logs, scores and code across a queue."""

import random

import pytest

from tests.verify.queue.rows import row
from verify.queue.duplicates import counts, find
from verify.queue.features import BINS

SCORES = ((42, 2.7, 1.05412873), (314, 2.71, 1.05398214))


def kinds(*rows):
    groups, _ = find(rows)
    return [(group.kind, [member.pr for member in group.members]) for group in groups]


def test_results_that_turn_up_with_other_code_are_found():
    assert kinds(
        row("A", 1, scores=SCORES, code="c1", script="s1", logs={"a.log": "l1"}),
        row("B", 2, scores=SCORES[:1], code="c2", script="s2", logs={"b.log": "l2"}),
        row("C", 3, scores=((42, 2.7, 1.05412874),), code="c3", script="s3", logs={"c.log": "l3"}),
    ) == [("results-other-code", [1, 2])]


def test_the_same_log_file_beside_other_code_is_found():
    assert kinds(
        row("A", 1, code="c1", script="s1", logs={"train.log": "l1"}),
        row("B", 2, code="c2", script="s2", logs={"seed42.log": "l1"}),
    ) == [("logs-other-code", [1, 2])]


def test_a_submission_filed_again_under_another_name_is_told_from_one_with_other_code():
    assert kinds(
        row("A", 1, scores=SCORES, code="c1", script="s1", logs={"a.log": "l1"}),
        row("B", 2, scores=SCORES, code="c1", script="s2", logs={"a.log": "l1"}),
    ) == [("results-same-code", [1, 2]), ("code-new-name", [1, 2])]


def test_a_folder_that_several_pull_requests_carry_is_one_submission():
    same = dict(scores=SCORES, code="c1", script="s1", logs={"a.log": "l1"})
    assert kinds(row("A", 5, **same), row("A", 2, **same), row("A", 9, **same)) == [("folder-again", [2, 5, 9])]


def test_a_later_version_of_the_same_folder_is_no_duplicate():
    assert (
        kinds(
            row("A", 1, scores=SCORES, code="c1", script="s1", logs={"a.log": "l1"}),
            row("A", 2, scores=SCORES, code="c2", script="s2", logs={"a.log": "l1"}),
        )
        == []
    )


def test_unread_code_is_not_other_code():
    assert kinds(row("A", 1, scores=SCORES, code="c1"), row("B", 2, scores=SCORES, code=None)) == [
        ("results-same-code", [1, 2])
    ]


def test_two_versions_of_one_folder_say_nothing_of_another_one_with_unread_code():
    found = kinds(
        row("A", 1, scores=SCORES, code="c1", script="s1"),
        row("A", 2, scores=SCORES, code="c2", script="s2"),
        row("B", 3, scores=SCORES, code=None, script="s3"),
    )
    assert found == [("results-same-code", [1, 2, 3])]


def test_folders_with_nothing_to_compare_share_nothing():
    assert kinds(row("A", 1), row("B", 2), row("C", None)) == []


def test_names_of_the_same_pull_request_count_too():
    assert kinds(row("A", 1, code="c1"), row("B", 1, code="c1")) == [("code-new-name", [1, 1])]


def test_the_nearest_earlier_code_is_named_with_its_similarity():
    random_ = random.Random(1)
    base = tuple(random_.randrange(1 << 40) for _ in range(BINS))
    near = (*base[:60], 1, 2, 3, 4)
    nearer = (*base[:62], 1, 2)
    other = tuple(random_.randrange(1 << 40) for _ in range(BINS))
    _, found = find([
        row("A", 1, code="c1", sketch=base),
        row("B", 2, code="c2", sketch=near),
        row("C", 3, code="c3", sketch=nearer),
        row("D", 4, code="c4", sketch=other),
    ])  # fmt: skip
    assert [(one.pr, one.nearest_pr) for one in found] == [(3, 1), (2, 1)]
    assert found[0].similarity == pytest.approx(62 / 64, abs=0.001)


def test_the_challenges_own_script_copies_nobody():
    rows = [row("A", 1, code="c1"), row("B", 2, code="c1")]
    assert [group.kind for group in find(rows, starter={"c1"})[0]] == ["starter-code"]


def test_authors_are_counted_as_people_write_themselves():
    rows = [
        row("A", 1, code="c1", index={"author": "Ann "}),
        row("B", 2, code="c1", index={"author": "ann"}),
        row("C", 3, code="c1"),
    ]
    assert [group.authors for group in find(rows)[0]] == [1]


def test_counts_name_every_kind():
    groups, near = find([row("A", 1, code="c1"), row("B", 2, code="c1")])
    assert counts(groups, near)["code-new-name"] == 1
    assert counts(groups, near)["near"] == 0
