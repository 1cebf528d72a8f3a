"""A verdict on a terminal or in a pipe: the right words, within the width, and no escape but rich's own."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.verify.report.texts import CONTROL, texts
from tests.verify.report.verdicts import bare, filled, hostile, verdict
from verify.report.show import claim_sentence
from verify.report.terminal import print_verdict
from verify.verdict import ClaimRow, Verdict


def printed(
    made: Verdict, width: int = 80, terminal: bool = False, verbose: bool = False, encoding: str = "utf-8"
) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict", write_through=True)
    print_verdict(
        made, Console(file=file, width=width, force_terminal=terminal, no_color=True, highlight=False), verbose
    )
    return raw.getvalue().decode(encoding)


def test_the_verdict_is_the_first_line_and_the_claim_follows():
    lines = printed(verdict()).splitlines()
    assert lines[0] == "FAIL  2026-04-20_Example  PR 1835"
    assert lines[1].startswith("1 rule broken: artifact-bytes")
    assert "does NOT agree" in lines[2]


def test_findings_are_grouped_worst_first_and_passes_are_a_count():
    text = printed(verdict())
    places = [
        text.index(word)
        for word in ("Broken (1)", "Leads", "Unproven (1)", "Warnings (1)", "3 checks passed (1 with a note), 1 exempt")
    ]
    assert places == sorted(places)
    assert "seeds.number" not in text
    assert "seeds.number" in printed(verdict(), verbose=True)


def test_evidence_has_file_line_and_excerpt_then_remedy_and_precedent():
    text = printed(verdict())
    assert re.search(r"train_seed999\.log:431  \(the logged total\)\n +\| Total submission size: 16010020 bytes", text)
    assert "remedy: Lower quant.bits." in text
    assert "precedent: PR 1835: ruled not eligible" in text
    assert "decided by probe: update-trace" in text


def test_mismatches_are_marked_by_a_sign():
    text = printed(verdict())
    assert re.search(r"314 +1\.0815 +1\.0785 \*", text)
    assert re.search(r"16,010,020 \* ", text)
    assert "* seed 999: train_seed999.log logs 16,010,020 bytes, claimed 15,990,020" in text


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("made", [verdict(), hostile(), bare()])
def test_no_line_is_wider_than_the_terminal(made, width):
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed(made, width=width, terminal=True, verbose=True))
    assert max(map(cell_len, text.split("\n"))) <= width


def test_a_pipe_gets_whole_lines_without_colour():
    text = printed(verdict())
    assert "\x1b" not in text
    assert "  the loop over validation chunks steps the optimiser before the chunk is scored\n" in text
    assert not [line for line in text.split("\n") if line != line.rstrip()]


def test_a_terminal_of_plain_ascii_gets_plain_ascii():
    assert printed(hostile(), encoding="ascii", verbose=True).isascii()
    assert "FAIL" in printed(verdict(), encoding="ascii", terminal=True)


def test_no_escape_of_a_submission_reaches_the_terminal():
    text = printed(hostile(), verbose=True)
    assert not CONTROL.search(text)
    assert "\\x1b[31mred" in text
    assert "[red]rich[/red]" in text


@settings(max_examples=20, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
def test_no_text_in_any_field_prints_a_control_character(drawn):
    assert not CONTROL.search(printed(filled(drawn), verbose=True))


def test_a_verdict_of_nothing_says_so():
    text = printed(bare())
    assert "No score is claimed." in text
    assert "0 checks passed" in text


def test_a_claim_that_is_off_by_rounding_says_so():
    parts = {"statistic": "mean", "value": 1.08563, "recomputed": 1.0856246, "matches": False}
    claim = ClaimRow(**parts, std=None, std_sample=None, std_population=None, metric=None)
    said = claim_sentence(verdict().model_copy(update={"claim": claim}))
    assert "off by +0.000005: rounding" in said
    far = claim.model_copy(update={"recomputed": 1.0857})
    assert "does NOT agree" in claim_sentence(verdict().model_copy(update={"claim": far}))
