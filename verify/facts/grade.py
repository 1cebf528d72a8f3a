"""Findings whose weight a policy sets: `fail`, `warn`, or `note` (a pass that says something)."""

from verify.finding import Finding, Place, Precedent, Status
from verify.rule import Case, Rule

LEVELS = {"fail": Status.FAIL, "warn": Status.WARN, "note": Status.PASS, "pass": Status.PASS}


def graded(level: str, sentence: str, *places: Place, precedents: tuple[Precedent, ...] = (), **measured) -> Finding:
    """A finding of the status that a policy's word asks for."""
    return Finding(
        status=LEVELS[level],
        sentence=sentence,
        places=places,
        precedents=precedents,
        measured=measured,
        noted=level == "note",
    )


def weighed(rule: Rule, case: Case, name: str, sentence: str, *places: Place, **measured) -> Finding:
    """A finding of the status that setting `name` of the rule asks for, with the rule's precedents."""
    return graded(rule.setting(case, name), sentence, *places, precedents=rule.precedents, **measured)


def listed(items, most: int = 6) -> str:
    """A few items in a sentence: "a, b and 3 more"."""
    items = [str(item) for item in items]
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
