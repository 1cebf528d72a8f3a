"""The pages in a browser: no error, no request, nothing that axe objects to, usable by keyboard, on a phone and on paper.

Needs chromium (PGOLF_CHROMIUM names it) and the packages playwright and axe-playwright-python; skipped without.
"""

import os
import shutil

import pytest

from tests.verify.report.queue import many_rows
from tests.verify.report.verdicts import bare, hostile, verdict
from verify.report.html import to_html
from verify.report.index import index_page, queue_row

CHROMIUM = os.environ.get("PGOLF_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no chromium; PGOLF_CHROMIUM names one")]
playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

PAGES = {
    "verdict": lambda: to_html(verdict()),
    "local": lambda: to_html(verdict(submission=verdict().submission.model_copy(update={"sha": None}))),
    "two comparisons": lambda: to_html(verdict(comparisons=verdict().comparisons * 2)),
    "hostile": lambda: to_html(hostile()),
    "bare": lambda: to_html(bare()),
    "index": lambda: index_page([*many_rows(60), queue_row(hostile())], note="policy board-2026-05 version 1"),
    "empty index": lambda: index_page([]),
}
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page from a file; whatever it complains of or asks for is kept in `.complaints`."""
    contexts = []

    def open_page(html: str, viewport=DESKTOP, scheme="light"):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append("dialog") or dialog.dismiss())
        page.on(
            "request", lambda request: request.url.startswith(("file:", "data:")) or page.complaints.append(request.url)
        )
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_the_browser_says_nothing(opened, name, scheme, viewport):
    page = opened(PAGES[name](), viewport, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_a_phone(opened, name):
    page = opened(PAGES[name](), PHONE)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_rules_are_filtered_by_status_and_text_with_the_keyboard(opened):
    page = opened(to_html(verdict()))
    page.locator("input[name=lead]").focus()
    page.keyboard.press("Space")
    assert page.locator(".rule.lead:visible").count() == 0
    page.locator("input[name=text]").focus()
    page.keyboard.type("train-time")
    assert page.locator(".rule:visible").count() == 1
    assert page.locator(".filters .count").inner_text() == "1 of 8 shown"


def test_runs_are_sorted_with_the_keyboard_and_absent_values_stay_last(opened):
    seeds = list(verdict().seeds)
    seeds[0] = seeds[0].model_copy(update={"eval_seconds": None})
    page = opened(to_html(verdict(seeds=tuple(seeds))))
    table = page.locator("#claim table")
    table.get_by_role("button", name="Eval s").focus()
    firsts = []
    for _ in range(2):
        page.keyboard.press("Enter")
        firsts.append([cell.inner_text() for cell in table.locator("tbody tr td:nth-child(9)").all()])
    assert firsts[0][:2] == ["432.0", "462.0"]
    assert firsts[1][0] == "612.0"
    assert firsts[0][-1] == firsts[1][-1] == "–"
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_one_curve_is_seen_alone_and_all_again(opened):
    page = opened(to_html(verdict()))
    button = page.get_by_role("button", name="seed 999", exact=True)
    button.press("Enter")
    assert page.locator("polyline.chosen").count() == 2
    assert page.locator("[data-legend-root]").get_attribute("class") == "chart-pair alone"
    button.press("Enter")
    assert page.locator("polyline.chosen").count() == 0


def test_a_link_to_an_excerpt_opens_what_it_is_folded_in(opened):
    page = opened(to_html(verdict(submission=verdict().submission.model_copy(update={"sha": None}))))
    page.locator(".rule.fail .places a").first.click()
    assert page.locator(".places li:target").is_visible()


def test_paper_shows_charts_and_folded_parts(opened):
    page = opened(to_html(verdict()))
    assert len(page.pdf(format="A4")) > 50_000
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".rule.warn .body").is_visible()
    assert page.locator("svg.chart").first.is_visible()
    assert not page.locator(".filters").is_visible()


def test_without_script_everything_is_still_there(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(to_html(verdict()), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator(".rule").count() == 8
    assert not page.locator(".filters").is_visible()
    context.close()


def test_two_thousand_submissions_are_filtered_by_rule_verdict_and_text(opened):
    rows = many_rows(2_000)
    page = opened(index_page(rows))
    assert page.evaluate("performance.timing.domComplete - performance.timing.navigationStart") < 8_000
    page.locator("button[data-rule='seeds']").click()
    broken = sum("seeds" in row.all_rules for row in rows)
    assert page.locator(".count").inner_text() == f"{broken:,} of 2,000 submissions, the first 200 of them shown"
    page.locator("[data-more]").click()
    assert page.locator(".queue tbody tr:visible").count() == broken
    page.locator("select[name=kind]").select_option("fail")
    page.locator("input[name=text]").fill("author 7")
    page.wait_for_timeout(200)
    expected = sum("seeds" in row.failing and "author 7" in (row.author or "") for row in rows)
    assert page.locator(".count").inner_text() == f"{expected:,} of 2,000 submissions"
    assert page.complaints == []
