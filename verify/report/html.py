"""A verdict as one page: works offline and without script, on a phone and on paper; everything a submission says is escaped.

Charts are drawn by the templates as SVG, not by a plotting library: matplotlib takes longer to import than a page may take,
and its drawings follow neither the width of the screen nor its light or dark; the libraries that do are half a megabyte of
script. These follow both, their text is text, and their marks have titles.
"""

from dataclasses import dataclass

from verify.finding import Place
from verify.report import show
from verify.report.chart_bars import phases_of, sizes_of
from verify.report.chart_curves import curves_of, styles_of
from verify.report.chart_dots import significance_of
from verify.report.page import render
from verify.verdict import FileRow, Verdict

STYLES = ("base.css", "report.css")
SCRIPTS = ("table.js", "report.js")
# Findings of a rule, places of a finding: the first pair of these that keeps a page below PLACES_ALL_MAX places.
LIMITS = ((40, 20), (24, 12), (12, 6), (8, 4), (4, 2), (2, 1))
PLACES_ALL_MAX = 800
FILES_MAX = 300


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A cited line, and the findings that cite it."""

    key: str
    place: Place
    name: str
    cited_by: list[tuple[str, str]]  # id of the rule's entry, code


@dataclass(frozen=True, slots=True)
class FileView:
    row: FileRow
    name: str
    url: str | None


def to_html(verdict: Verdict) -> str:
    """The whole page. Needs nothing else: no file, no network."""
    groups = show.grouped(verdict)
    styles = seed_styles(verdict)
    findings_max, places_max = limits_for(groups)
    return render(
        "report.html.j2",
        STYLES,
        SCRIPTS,
        verdict=verdict,
        show=show,
        groups={key: entries for key, entries in groups.items() if entries},
        excerpts=excerpts_of(groups, findings_max, places_max),
        places_max=places_max,
        findings_max=findings_max,
        files=[FileView(row, row.path, blob(verdict, row)) for row in verdict.submission.files[:FILES_MAX]],
        files_more=max(0, len(verdict.submission.files) - FILES_MAX),
        curves=curves_of(verdict),
        sizes=sizes_of(verdict, styles),
        budgets=phases_of(verdict),
        significance=significance_of(verdict),
        seed_styles=styles,
    )


def blob(verdict: Verdict, row: FileRow) -> str | None:
    return None if row.role in ("symlink", "absent") else show.blob_url(verdict, row.path)


def seed_styles(verdict: Verdict) -> dict[int | None, str]:
    """The style of each seed, one for all charts."""
    curves = [curve for curve in verdict.curves if not curve.is_previous_record]
    styles: dict[int | None, str] = {}
    for curve, style in zip(curves, styles_of(curves), strict=True):
        styles.setdefault(curve.seed, style)
    for row in verdict.seeds:
        styles.setdefault(row.seed, f"s{len(styles) % 8}")
    return styles


def place_key(place: Place) -> tuple[str, bool, int, str]:
    return place.file, place.unpacked, place.line or 0, place.quote


def limits_for(groups: dict[str, list[show.Entry]]) -> tuple[int, int]:
    """How many findings of a rule and places of a finding are shown, so that no submission makes an endless page."""
    entries = [entry for found in groups.values() for entry in found]
    for findings_max, places_max in LIMITS:
        shown = (finding for entry in entries for finding in entry.findings[:findings_max])
        if sum(1 + min(places_max, len(finding.places)) for finding in shown) <= PLACES_ALL_MAX:
            return findings_max, places_max
    return LIMITS[-1]


def excerpts_of(groups: dict[str, list[show.Entry]], findings_max: int, places_max: int) -> dict[tuple, Excerpt]:
    """Cited lines with a text, by file and line, each once; passes are not quoted again."""
    cited: dict[tuple, list[tuple[str, str]]] = {}
    places: dict[tuple, Place] = {}
    for group, entries in groups.items():
        if group in ("pass", "exempt"):
            continue
        for number, entry in enumerate(entries):
            for finding in entry.findings[:findings_max]:
                for place in finding.places[:places_max]:
                    if place.quote:
                        link = (f"{group}-{number}", entry.result.code)
                        links = cited.setdefault(place_key(place), [])
                        places[place_key(place)] = place
                        if link not in links:
                            links.append(link)
    return {
        key: Excerpt(f"line-{number}", places[key], show.place_name(places[key]), cited[key])
        for number, key in enumerate(sorted(places, key=lambda key: (key[0], key[1], key[2], key[3])))
    }
