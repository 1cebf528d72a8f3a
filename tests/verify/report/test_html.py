"""The page of a verdict: complete, self-contained, and its elements never depend on what a submission says."""

import re
import time
from html.parser import HTMLParser

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.verify.report.texts import CONTROL, texts
from tests.verify.report.verdicts import HOSTILE, SHA, bare, filled, harmless, hostile, verdict
from verify.finding import Place, Status
from verify.report import show
from verify.report.html import to_html
from verify.verdict import Curve, Verdict

LINKS = re.compile(r"https://github\.com/openai/parameter-golf/(pull|blob)/|#|data:,$|https://(www\.)?example\.com")
FREE = {"href", "content", "aria-label", "data-value"}  # values that may differ; their names may not


class Elements(HTMLParser):
    """Every start tag with its attributes, every end tag; text, style and script are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.links += [
            value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href", "formaction")
        ]
        kept = tuple((name, "" if name in FREE else value) for name, value in attrs if name != "href")
        self.found.append((tag, *kept))

    def handle_startendtag(self, tag, attrs) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag) -> None:
        self.found.append(("/" + tag,))

    def handle_data(self, data) -> None:
        self.text.append(data)

    def handle_comment(self, data) -> None:
        self.found.append(("comment", data))


def parsed(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    parser.close()
    return parser


def without_links(elements: Elements) -> list[tuple]:
    """A hostile commit or address makes no link where a good one does: <a> and its end are the only difference allowed."""
    return [element for element in elements.found if element[0] not in ("a", "/a")]


def test_the_page_shows_every_part():
    page = to_html(verdict())
    for part in ("claim", "rules", "curves", "bytes", "time", "significance", "files"):
        assert f'id="{part}"' in page
    for text in (
        "Broken rules",
        "does NOT agree",
        "16,010,020",
        "Lower quant.bits.",
        "update-trace",
        "speed-up alone",
        "0.7120",
    ):
        assert text in page


def test_a_verdict_of_nothing_is_still_a_page_without_empty_charts():
    page = to_html(bare())
    assert "No run was found" in page
    assert "<svg" not in page
    assert 'href="#curves"' not in page


def test_the_page_asks_for_nothing_from_outside():
    elements = parsed(to_html(verdict()))
    assert not [
        element
        for element in elements.found
        if element[0] in ("img", "iframe", "object", "embed", "audio", "video", "base")
    ]
    assert [link for link in elements.links if not LINKS.match(link)] == []
    page = to_html(verdict())
    assert "@import" not in page
    assert "url(" not in page


def test_the_policy_of_the_page_names_its_own_style_and_script_only():
    page = to_html(verdict())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
    assert "unsafe" not in policy[1]
    assert page.count("<script") == 1
    assert page.count("<style") == 1
    assert "style=" not in page
    assert not re.search(r"\son\w+=", page)


def test_hostile_texts_change_no_element_and_no_attribute():
    attack = hostile()
    assert without_links(parsed(to_html(attack))) == without_links(parsed(to_html(harmless(attack))))


def test_hostile_texts_are_shown_as_text():
    text = " ".join(parsed(to_html(hostile())).text)
    assert '"><script>alert(1)</script>' in text
    assert "\\x1b[31mred" in text
    assert "\\u202e" in text


def test_hostile_addresses_never_become_links():
    assert [link for link in parsed(to_html(hostile())).links if not LINKS.match(link)] == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(texts, min_size=1, max_size=8))
def test_no_text_in_any_field_changes_the_elements(drawn):
    changed = filled(drawn)
    elements = parsed(to_html(changed))
    assert without_links(elements) == without_links(parsed(to_html(harmless(changed))))
    assert [link for link in elements.links if not link.startswith(("#", "https://", "data:,"))] == []
    assert not CONTROL.search("".join(elements.text).replace("\n", ""))


@given(texts)
def test_no_path_leads_a_link_out_of_the_commit(path):
    url = show.blob_url(verdict(), path, 3)
    if url is not None:
        assert re.fullmatch(
            rf"https://github\.com/openai/parameter-golf/blob/{SHA}/[A-Za-z0-9._~%/-]*(\?plain=1)?#L3", url
        )
        assert not re.search(r"(?i)/(\.|%2e){1,2}(/|#|\?)", url)


def test_a_path_that_climbs_is_no_link():
    assert show.blob_url(verdict(), "../../../other/x.py") is None
    assert show.blob_url(verdict(), "a/b.py") is not None


def test_evidence_links_to_the_line_at_the_commit():
    links = parsed(to_html(verdict())).links
    assert (
        f"https://github.com/openai/parameter-golf/blob/{SHA}/{verdict().submission.location}/train_seed999.log#L431"
        in links
    )


def test_evidence_without_a_commit_links_to_its_excerpt_on_the_page():
    local = verdict(submission=verdict().submission.model_copy(update={"sha": None}))
    page = to_html(local)
    anchors = {link[1:] for link in parsed(page).links if link.startswith("#line-")}
    assert len(anchors) >= 4
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_every_link_within_the_page_has_its_target_and_every_id_is_there_once():
    for page in (to_html(verdict()), to_html(hostile()), to_html(bare())):
        elements = parsed(page)
        ids = [value for element in elements.found for name, value in element[1:] if name == "id"]
        assert len(ids) == len(set(ids))
        assert {link[1:] for link in elements.links if link.startswith("#")} <= set(ids)


def test_mismatches_are_told_in_words_as_well_as_by_colour():
    page = to_html(verdict())
    assert page.count("differs from the claim</span>") == 2
    assert page.count("as claimed</span>") == 14


def test_every_chart_has_a_title_a_description_and_a_table():
    page = to_html(verdict())
    charts = re.findall(r'<svg class="chart" role="img"[^>]*aria-labelledby="(\S+) (\S+)"', page)
    assert len(charts) == 8
    for title, description in charts:
        assert f'<title id="{title}">' in page
        assert f'<desc id="{description}">' in page
    assert page.count("The same as a table") == 4


def test_a_flood_of_findings_and_curves_stays_small_and_fast():
    many = verdict()
    finding = many.results[0].findings[0]
    places = tuple(Place(file="train.log", line=line, quote="<&" * 100) for line in range(60))
    findings = tuple(finding.model_copy(update={"places": places, "sentence": f"{number}"}) for number in range(3))
    results = tuple(
        many.results[0].model_copy(update={"code": f"rule-{number}.x", "findings": findings}) for number in range(8)
    )
    points = tuple((step, 3.0 + 1e-4 * (step % 7)) for step in range(240))
    curves = tuple(Curve(name=f"seed {seed}", seed=seed, file="x", train=points) for seed in range(16))
    flood = many.model_copy(update={"results": results, "curves": curves})
    to_html(many)
    start = time.perf_counter()
    page = to_html(flood)
    assert time.perf_counter() - start < 1.5
    assert len(page.encode()) < 1_000_000


def test_every_status_has_a_word_and_a_sign():
    for status in Status:
        page = to_html(verdict(status=status))
        assert show.VERDICTS[status] in page


def test_a_page_of_numbers_that_are_no_numbers_is_still_a_page():
    odd = verdict(sizes=(), curves=(Curve(name="x", seed=1, file=None, train=((0, 3.0), (5, 3.0))),))
    assert "Loss over the whole run" in to_html(odd)
    assert len(HOSTILE) > 10
    assert isinstance(odd, Verdict)
