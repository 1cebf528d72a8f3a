"""Grades as tables: recall by main rule, false alarms, verdicts by label, and every miss with the reason it can be seen."""

import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.verify.benchmark.grade import Grade, counts

CAUGHT = ("fail", "lead", "half", "missed")
LABELS = ("violation", "accepted", "clean_unmerged")
STATUSES = ("fail", "unproven, with leads", "unproven", "warn", "pass", "exempt", "crash")
PLACES_MAX = 6
REASON_CHARACTERS = 330


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 170, highlight=False)


def table(
    out: Console, title: str, header: Sequence[str], rows: Iterable[Sequence[object]], text_columns: int = 1
) -> None:
    """Print a table; columns after the first `text_columns` are numbers."""
    made = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        made.add_column(name, justify="left" if number < text_columns else "right", overflow="fold")
    for row in rows:
        made.add_row(*(escape(str(cell)) for cell in row))
    out.print(made)


def tally(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(names).most_common()) or "-"


def line(out: Console, found: Grade, rule: str | None) -> None:
    """One case in one line."""
    case = found.label
    verdict = found.caught or ("FALSE FAIL" if found.fails else "ok")
    said = [f"FAIL {code}" for code in found.fails] + [f"lead {code}" for code in found.leads]
    if not case.is_violation:
        said += [f"noise {code}" for code in found.noise]
        said += [f"{'warned' if there else 'NOT WARNED'} {name}" for name, there in found.expected.items()]
    if rule:
        said = [text for text in said if f" {rule}" in text]
    if found.crash:
        said += ["CRASH"]
    unproven = " (unproven)" if found.unproven else ""
    text = f"{case.index:3} #{case.pr} {case.label[:9]:9} {verdict:7}{unproven} main {case.main or '-'} | {', '.join(said) or '-'}"
    out.print(escape(text), soft_wrap=True)
    if found.crash:
        out.print(escape(found.crash[-1500:]))


def details(out: Console, verdict, rule: str | None) -> None:
    """What a verdict says against a case, with places; with `rule`, everything that this rule says."""
    for result in verdict.results:
        for finding in result.findings:
            if rule != result.rule and (rule or not counts(finding)):
                continue
            kind = "lead" if finding.lead else finding.status.value
            out.print(escape(f"      {result.code} [{kind}] {finding.sentence}"[:400]), soft_wrap=True)
            for place in finding.places[:PLACES_MAX]:
                out.print(escape(f"          {place.file}:{place.line}: {place.quote.strip()[:110]}"), soft_wrap=True)


def report(out: Console, grades: list[Grade]) -> None:
    violations = [found for found in grades if found.label.is_violation]
    others = [found for found in grades if not found.label.is_violation]
    if violations:
        recall(out, [found for found in violations if found.label.is_ours])
    if others:
        alarms(out, others)
    verdicts(out, grades)
    misses(out, [found for found in violations if not found.is_caught])
    if violations:
        evidence(out, violations)
    times = sorted(found.milliseconds for found in grades if not found.crash)
    if times:
        crashes = sum(bool(found.crash) for found in grades)
        out.print(
            f"{len(grades)} cases, {crashes} crashes; median {statistics.median(times):.0f} ms, slowest {times[-1]:.0f} ms"
        )


def recall(out: Console, grades: list[Grade]) -> None:
    groups: dict[str, list[Grade]] = {}
    for found in grades:
        groups.setdefault(found.label.main, []).append(found)
    rows = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    for level in ("files", "logs"):
        rows.append((f"all that {level} can show", [found for found in grades if level in found.label.detectable_by]))
    rows.append(("all", grades))
    title = "violations that files or logs can show, by main rule"
    table(out, title, ("rule", "cases", *CAUGHT, "caught"), (recall_row(name, group) for name, group in rows))


def recall_row(name: str, grades: list[Grade]) -> list[object]:
    count = Counter(found.caught for found in grades)
    share = (count["fail"] + count["lead"]) / max(1, len(grades))
    return [name, len(grades), *(count[kind] or "" for kind in CAUGHT), f"{share:.1%}"]


def alarms(out: Console, grades: list[Grade]) -> None:
    header = (
        "label",
        "rules that fail",
        "noise: warnings not expected",
        "leads",
        "folders",
        "failed",
        "noise",
        "expected warned",
        "leads",
    )
    rows = []
    for label in LABELS[1:]:
        group = [found for found in grades if found.label.label == label]
        expected = [there for found in group for there in found.expected.values()]
        texts = [
            tally(code for found in group for code in getattr(found, name)) for name in ("fails", "noise", "leads")
        ]
        failed, noisy, led = (
            sum(bool(getattr(found, name)) for found in group) for name in ("fails", "noise", "leads")
        )
        if group:
            rows.append([label, *texts, len(group), failed, noisy, f"{sum(expected)} of {len(expected)}", led])
    table(out, "accepted and clean folders", header, rows, text_columns=4)
    for found in grades:
        if found.fails:
            text = (
                f"false FAIL: case {found.label.index} #{found.label.pr} {found.label.label}: {', '.join(found.fails)}"
            )
            out.print(escape(text), soft_wrap=True)
        for rule, there in found.expected.items():
            if not there:
                out.print(
                    f"no expected warning: case {found.label.index} #{found.label.pr} {found.label.label}: {rule}"
                )


def verdicts(out: Console, grades: list[Grade]) -> None:
    rows = []
    for label in LABELS:
        group = [found for found in grades if found.label.label == label]
        count = Counter(
            "unproven, with leads" if found.status == "unproven" and found.leads else found.status for found in group
        )
        if group:
            rows.append([label, *(count[status] or "" for status in STATUSES)])
    table(out, "verdicts by label", ("label", *STATUSES), rows)


def misses(out: Console, grades: list[Grade]) -> None:
    """One line each, to be read beside the case."""
    if grades:
        out.print("not caught by their main rule:")
    for found in sorted(grades, key=lambda one: (one.label.main, one.label.index)):
        said = ", ".join([f"FAIL {code}" for code in found.fails] + [f"lead {code}" for code in found.leads])
        if found.crash:
            said = "CRASH " + found.crash.strip().splitlines()[-1]
        kind = found.caught + (", unproven" if found.unproven else "")
        levels = ", ".join(sorted(found.label.detectable_by))
        case = f"{found.label.index:4} #{found.label.pr} {kind}: {', '.join(found.label.rules)}"
        text = f"{case} | {said or '-'} | by {levels}: {found.label.reason}"
        out.print(escape(text[:REASON_CHARACTERS]), soft_wrap=True)


def evidence(out: Console, grades: list[Grade]) -> None:
    """How many lines that the labels quote are among the places of findings."""
    lines = sum(len(found.label.evidence) for found in grades)
    own, any_rule = sum(found.evidence_hit for found in grades), sum(found.evidence_hit_any for found in grades)
    some = sum(found.evidence_hit > 0 for found in grades)
    out.print(f"lines of evidence in places of the label's rules: {own} of {lines} (of any rule: {any_rule})")
    out.print(f"violations with at least one of theirs: {some} of {len(grades)}")
