"""How a verdict is held against a label.

    fail    the main rule FAILs
    lead    the main rule has a lead that names lines; or, where the rule is disputed, a warning that names lines
    half    only another rule of the label FAILs or has such a lead
    missed  none of these; `unproven` says that the main rule at least could not be told

False alarms are counted on accepted and clean folders: a FAIL of any rule, a warning that the label does not expect. Leads
there are counted apart: they are questions, not verdicts.
"""

from dataclasses import dataclass, field

from tests.verify.benchmark.labels import Evidence, Label
from verify.finding import Finding, Place, Status
from verify.verdict import RuleResult, Verdict

# Never formally ruled, or contradicted: the benchmark counts a warning with the precedent as a catch (its README).
DISPUTED = frozenset({"doc-boundary", "tokenizer", "no-slot", "significance", "chronology", "systems-waiver"})
LINES_APART_MAX = 3  # two places this near are the same place


@dataclass
class Grade:
    label: Label
    status: str  # of the verdict, or "crash"
    milliseconds: float
    caught: str = ""  # violations: fail, lead, half, missed
    unproven: bool = False  # the main rule could not be told
    fails: list[str] = field(default_factory=list)  # codes
    leads: list[str] = field(default_factory=list)
    warns: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)  # warnings nobody expects
    expected: dict[str, bool] = field(default_factory=dict)  # rule of expected_warn -> warned
    evidence_hit: int = 0  # lines of evidence among the places of the label's rules
    evidence_hit_any: int = 0  # ... of any rule
    levels: set[str] = field(default_factory=set)  # where the main rule's places are: files, logs
    crash: str = ""

    @property
    def is_caught(self) -> bool:
        return self.caught in {"fail", "lead"}


def grade(label: Label, verdict: Verdict) -> Grade:
    by_rule: dict[str, list[RuleResult]] = {}
    for result in verdict.results:
        by_rule.setdefault(result.rule, []).append(result)
    found = Grade(label, verdict.status.value, verdict.milliseconds or 0.0)
    for result in verdict.results:
        if result.status is Status.FAIL:
            found.fails.append(result.code)
        elif result.status is Status.WARN:
            found.warns.append(result.code)
        if any(finding.lead for finding in result.findings) and result.status is not Status.EXEMPT:
            found.leads.append(result.code)
    if label.is_violation:
        main = strength(by_rule.get(label.main, []), label.main)
        others = [strength(by_rule.get(rule, []), rule) for rule in label.rules[1:]]
        found.caught = main or ("half" if any(others) else "missed")
        found.unproven = not main and any(result.status is Status.UNPROVEN for result in by_rule.get(label.main, []))
        found.levels = levels_of(by_rule.get(label.main, []), {row.path: row.role for row in verdict.submission.files})
        own = [place for rule in label.rules for place in places(by_rule.get(rule, []))]
        found.evidence_hit = sum(any(is_same(line, place) for place in own) for line in label.evidence)
    else:
        found.expected = {
            rule: any(result.status is Status.WARN for result in by_rule.get(rule, [])) for rule in label.expected_warn
        }
        found.noise = [code for code in found.warns if code.partition(".")[0] not in label.expected_warn]
    every = places(list(verdict.results))
    found.evidence_hit_any = sum(any(is_same(line, place) for place in every) for line in label.evidence)
    return found


def counts(finding: Finding) -> bool:
    """Whether a finding says something against the submission."""
    return finding.lead or finding.status in {Status.FAIL, Status.WARN}


def strength(results: list[RuleResult], rule: str) -> str:
    """fail, lead or nothing: what a rule's checks say together."""
    if any(result.status is Status.FAIL for result in results):
        return "fail"
    shown = [result for result in results if result.status is not Status.EXEMPT]
    if any(finding.lead and has_line(finding) for result in shown for finding in result.findings):
        return "lead"
    warned = any(
        result.status is Status.WARN and any(counts(f) and has_line(f) for f in result.findings) for result in shown
    )
    return "lead" if warned and rule in DISPUTED else ""


def has_line(finding: Finding) -> bool:
    return any(place.line is not None for place in finding.places)


def places(results: list[RuleResult]) -> list[Place]:
    return [place for result in results for finding in result.findings if counts(finding) for place in finding.places]


def levels_of(results: list[RuleResult], roles: dict[str, str]) -> set[str]:
    return {"logs" if roles.get(place.file) == "log" else "files" for place in places(results)}


def is_same(line: Evidence, place: Place) -> bool:
    if place.file != line.file:
        return False
    near = place.line is not None and abs(place.line - line.line) <= LINES_APART_MAX
    quote = line.quote.strip()
    return near or (len(quote) > 12 and quote[:60] in place.quote)


def crashed(label: Label, text: str) -> Grade:
    return Grade(label, "crash", 0.0, caught="missed" if label.is_violation else "", crash=text)
