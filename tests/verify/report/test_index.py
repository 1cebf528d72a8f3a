"""The queue's index: every row, safe whatever names are, counted by rule."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verify.report.queue import many_rows
from tests.verify.report.test_html import parsed
from tests.verify.report.texts import texts
from tests.verify.report.verdicts import bare, hostile, verdict
from verify.report.index import QueueRow, index_page, link, queue_row, rule_counts


def test_a_row_of_a_verdict_names_its_rules_by_what_they_say():
    row = queue_row(verdict(), page="pages/1.html", json="verdicts/1.json", duplicate_of="PR 9: same logs")
    assert (row.failing, row.leads, row.warnings, row.unproven) == (
        ("artifact-bytes",),
        ("c3-score-first",),
        ("train-time",),
        ("hardware",),
    )
    assert (row.bytes_max, row.train_seconds, row.eval_seconds) == (16_010_020, 595.0, 612.0)


def test_a_row_of_a_verdict_of_nothing_has_no_numbers():
    row = queue_row(bare())
    assert (row.claimed_bpb, row.bytes_max, row.train_seconds, row.page) == (None, None, None, None)


def test_rules_are_counted_by_submission_most_broken_first():
    rows = [
        QueueRow(name="a", status="fail", failing=("x",), leads=("y",)),
        QueueRow(name="b", status="fail", failing=("x",), warnings=("x", "y")),
        QueueRow(name="c", status="warn", warnings=("y",)),
    ]
    assert [(count.rule, count.counts, count.any) for count in rule_counts(rows)] == [
        ("x", (2, 0, 1, 0), 2),
        ("y", (0, 1, 2, 0), 3),
    ]


def test_the_page_links_to_every_verdict_and_pull_request():
    links = parsed(index_page([queue_row(verdict(), page="pages/a b.html", json="verdicts/a.json")])).links
    assert "./pages/a%20b.html" in links
    assert "./verdicts/a.json" in links
    assert "https://github.com/openai/parameter-golf/pull/1835" in links


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "//example.com/x", "https://example.com", "/etc/passwd", "a\udc80\x00\nb"]
)
def test_a_path_is_never_another_scheme_or_host(path):
    assert link(path).startswith("./")
    assert not link(path).startswith(".//")
    assert ":" not in link(path)


@settings(max_examples=20, deadline=None)
@given(st.lists(texts.filter(bool), min_size=1, max_size=8))
def test_no_text_in_any_row_changes_the_elements(drawn):
    def row(number: int, text: str) -> QueueRow:
        fields = dict.fromkeys(("name", "author", "date", "duplicate_of", "page", "verdict"), text)
        return QueueRow(status="fail", pr=number, track=text, failing=(f"r{number}{text}",), warnings=(text,), **fields)

    # Rules are listed by name: the plain words sort as the texts do.
    plain = {text: f"{rank:04d}" for rank, text in enumerate(sorted(set(drawn)))}
    attack = parsed(index_page([row(number, text) for number, text in enumerate(drawn)]))
    words = parsed(index_page([row(number, plain[text]) for number, text in enumerate(drawn)]))

    def names(elements):
        return [
            (element[0], *(name for name, _ in element[1:])) for element in elements.found if element[0] != "comment"
        ]

    assert sorted(names(attack)) == sorted(names(words))
    assert not [element for element in attack.found if element[0] == "comment"]


def test_two_thousand_rows_make_a_page_fast():
    rows = many_rows(2_000)
    index_page(rows[:10])
    start = time.perf_counter()
    page = index_page(rows)
    assert time.perf_counter() - start < 2.0
    assert page.count("<tr data-status=") == 2_000
    assert len(page.encode()) < 2_500_000


def test_an_empty_queue_is_a_page_and_a_hostile_verdict_a_row():
    assert "Queue of submissions" in index_page([])
    page = index_page([queue_row(hostile())])
    assert "<script>alert" not in page
    assert page.count("<script") == 1
