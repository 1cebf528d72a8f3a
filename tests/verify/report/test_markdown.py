"""The comment for a pull request: complete, short enough, and mute whatever a submission says."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.verify.report.texts import texts
from tests.verify.report.verdicts import HOSTILE, bare, comparison, filled, harmless, hostile, seed_row, verdict
from verify.finding import Place
from verify.report.markdown import CHARACTERS_MAX, code, plain, to_markdown

GITHUB = MarkdownIt("gfm-like", {"html": True, "linkify": False})
SPEAKS = re.compile(r"@\w|#\d|://|\bwww\.|\bGH-\d|\b(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b", re.IGNORECASE)


def structure(text: str) -> list[str]:
    """Kinds of blocks and spans, raw HTML as it stands, where links lead; code spans hold nothing."""
    found = []
    for token in GITHUB.parse(text):
        found.append(token.type + (token.content.strip() if token.type.startswith("html") else ""))
        for child in token.children or ():
            if child.type not in ("text", "softbreak", "text_special"):
                host = str(child.attrGet("href") or "").split("/")[2:3]
                found.append(child.type + (child.content if child.type == "html_inline" else "") + "".join(host))
    return found


def speech(text: str) -> list[str]:
    """Text outside code and links, paragraph by paragraph, as GitHub looks at it after rendering."""
    spoken = []
    for token in GITHUB.parse(text):
        depth, words = 0, ""
        for child in token.children or ():
            depth += child.nesting if child.type.startswith("link") else 0
            words += (
                child.content
                if child.type in ("text", "text_special") and not depth
                else " " * (child.type == "code_inline")
            )
        spoken.append(words)
    return spoken


def test_one_run_is_not_many():
    one = comparison().model_copy(update={"n_new": 1, "n_old": 1})
    rows = [seed_row(0, 42), seed_row(1, 7).model_copy(update={"role": "support"})]
    text = to_markdown(verdict(seeds=rows, comparisons=[one]))
    assert "1 run against 1;" in text
    assert "1 more run in the folder" in text


def test_an_ordinary_verdict_has_every_group_and_every_seed():
    text = to_markdown(verdict())
    for word in (
        "FAIL",
        "Broken (1)",
        "Leads",
        "Unproven (1)",
        "Warnings (1)",
        "Passed (2)",
        "Exempt (1)",
        "Lower quant",
        "1337",
    ):
        assert word in text


def test_places_link_to_the_line_at_the_commit_and_unpacked_ones_to_the_file():
    text = to_markdown(verdict())
    assert "/train_seed999.log#L431>" in text
    assert "/train_gpt.py>" in text
    assert "/train_gpt.py#L811" not in text


def test_a_comment_leaves_no_reference_in_other_pull_requests():
    assert "https://github.com/openai/parameter-golf/pull/" not in to_markdown(verdict())


def test_hostile_texts_change_no_block_span_or_link():
    assert structure_without_links(to_markdown(hostile())) == structure_without_links(to_markdown(harmless(hostile())))


def structure_without_links(text: str) -> list[str]:
    # A hostile commit id gives no links to files; that is the only difference there may be.
    return [kind for kind in structure(text) if not kind.startswith("link") or "redirect" in kind]


def test_nothing_hostile_speaks_on_github():
    for text in speech(to_markdown(hostile())):
        assert not SPEAKS.search(text), SPEAKS.search(text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(texts, min_size=1, max_size=8))
def test_no_text_in_any_field_changes_the_structure(drawn):
    changed = filled(drawn)
    text = to_markdown(changed)
    assert structure_without_links(text) == structure_without_links(to_markdown(harmless(changed)))
    assert not any(map(SPEAKS.search, speech(text)))


@given(texts)
def test_plain_text_is_one_paragraph_of_text(text):
    tokens = GITHUB.parse(f"x {plain(text, 10**6)}")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children or ()} <= {"text", "text_special"}


@pytest.mark.parametrize(
    "text", ["1. x", "12) x", "- x", "+ x", "* x", "# x", "> x", "--- ", "=== ", "```", ": x", "    x", "| x |", "<b>"]
)
def test_a_text_in_a_list_begins_nothing_of_its_own(text):
    kinds = [token.type for token in GITHUB.parse(f"- {plain(text)}")]
    assert kinds == [token.type for token in GITHUB.parse("- word")]


@given(texts)
def test_a_code_span_holds_the_text_and_ends_with_it(text):
    tokens = GITHUB.parse(f"x {code(text, 10**6)} y")
    kinds = [child.type for child in tokens[1].children or ()]
    assert kinds == ["text", "code_inline", "text"]


def test_a_verdict_with_thousands_of_findings_still_fits_into_a_comment():
    many = verdict()
    result = many.results[0]
    places = tuple(Place(file="train.log", line=line, quote="<&`|" * 60) for line in range(50))
    finding = result.findings[0].model_copy(update={"places": places, "sentence": "é<" * 300})
    flood = tuple(result.model_copy(update={"code": f"r{i}.x", "findings": (finding,) * 9}) for i in range(300))
    text = to_markdown(many.model_copy(update={"results": flood}))
    assert len(text.encode()) <= CHARACTERS_MAX
    assert "did not fit" in text
    assert text.count("<details") == text.count("</details>")


def test_a_verdict_of_nothing_is_still_a_comment():
    text = to_markdown(bare())
    assert "No score is claimed" in text
    assert "| seed |" not in text


def test_every_hostile_text_stays_readable():
    for text in HOSTILE:
        assert plain(text).strip()
