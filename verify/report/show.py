"""How reports write values, sort findings into groups, and link to places. Shared by all of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from verify.finding import Finding, Place, Precedent, Status
from verify.submission.text import printable
from verify.verdict import ROUNDED_BPB_MAX, RuleResult, SeedRow, Verdict

REPOSITORY = "https://github.com/openai/parameter-golf"
ABSENT = "–"
GROUPS = {
    "fail": "Broken",
    "lead": "Leads: read from code, for a probe to decide",
    "unproven": "Unproven",
    "warn": "Warnings",
    "note": "Notes: let go by the policy, worth reading",
    "pass": "Passed",
    "exempt": "Exempt",
}
# Status is told by a sign and a word, never by colour alone.
SIGNS = {"fail": "✗", "lead": "?", "unproven": "○", "warn": "!", "note": "i", "pass": "✓", "exempt": "–"}
WORDS = {
    "fail": "fail",
    "lead": "lead",
    "unproven": "unproven",
    "warn": "warning",
    "note": "note",
    "pass": "pass",
    "exempt": "exempt",
}
VERDICTS = {
    Status.FAIL: "Broken rules",
    Status.UNPROVEN: "Unproven",
    Status.WARN: "Passes with warnings",
    Status.PASS: "Passes",
    Status.EXEMPT: "Exempt",
}
STATISTICS = {
    "mean": "mean of all seeds",
    "best": "best seed",
    "single": "one run",
    "best_of": "mean of the best seeds",
}
LARGE = 1e15
DRAWABLE_MAX = 1e12
TEXT_CHARACTERS = 600  # of one sentence; what is longer is not one
FILE_CHARACTERS = 160
MEASURED_MAX = 12  # numbers shown with one finding


@dataclass(frozen=True, slots=True)
class Entry:
    """What one rule has to say in one group."""

    result: RuleResult
    findings: tuple[Finding, ...]


def text(value: str) -> str:
    """A sentence as a report shows it: one line, nothing hidden, no longer than a sentence is."""
    return printable(value, TEXT_CHARACTERS)


def grouped(verdict: Verdict) -> dict[str, list[Entry]]:
    """Entries by group. A rule that passes and also warns is shown under the warning only; one without findings by its status."""
    groups: dict[str, list[Entry]] = {key: [] for key in GROUPS}
    for result in verdict.results:
        by_group: dict[str, list[Finding]] = {}
        for finding in result.findings:
            by_group.setdefault(result.group(finding), []).append(finding)
        if len(by_group) > 1:
            by_group.pop("pass", None)
        for key in by_group or {result.status.value: []}:
            groups[key].append(Entry(result, tuple(by_group.get(key, ()))))
    return groups


def precedents_of(entry: Entry) -> tuple[Precedent, ...]:
    """Those of the findings, then those of the rule; each once."""
    found = [precedent for finding in entry.findings for precedent in finding.precedents]
    return tuple(dict.fromkeys((*found, *entry.result.precedents)))


def precedent_url(precedent: Precedent) -> str | None:
    if precedent.url:
        return web_url(precedent.url)
    return None if precedent.pr is None else pull_url(precedent.pr)


def web_url(url: str) -> str | None:
    """The address, if it is an ordinary one: nothing but https may become a link."""
    return url if re.fullmatch(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/#?=&%:+@,;-]*)?", url) else None


def pull_url(number: int) -> str:
    return f"{REPOSITORY}/pull/{number}"


def blob_url(verdict: Verdict, file: str, line: int | None = None) -> str | None:
    """The file on GitHub at the audited commit, where the commit and the folder are known."""
    submission = verdict.submission
    path = f"{submission.location}/{file}"
    is_known = submission.sha is not None and re.fullmatch(r"[0-9a-f]{40}", submission.sha) is not None
    # A browser resolves "..", escaped or not: such a path would lead to another place than it says.
    if not is_known or not path.startswith("records/") or {".", ".."} & set(path.split("/")):
        return None
    try:
        path = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    except UnicodeEncodeError:  # half a character: no path in git is like that
        return None
    plain = "?plain=1" if file.lower().endswith(".md") and line else ""  # a rendered page has no line numbers
    return f"{REPOSITORY}/blob/{submission.sha}/{path}{plain}{f'#L{line}' if line else ''}"


def place_url(verdict: Verdict, place: Place) -> str | None:
    """None where the line is one of an unpacked script: GitHub shows the packed one."""
    return blob_url(verdict, place.file, None if place.unpacked else place.line)


def place_name(place: Place) -> str:
    line = "" if place.line is None else f":{place.line}"
    return f"{printable(place.file, FILE_CHARACTERS)}{line}{' (unpacked)' if place.unpacked else ''}"


def measured_of(finding: Finding) -> list[tuple[str, str]]:
    """The numbers behind a finding, as text."""
    rows = [(printable(name, 60), scalar(value)) for name, value in finding.measured.items() if value is not None]
    return rows[:MEASURED_MAX]


def scalar(value: float | int | str | None) -> str:
    if isinstance(value, str):
        return printable(value, 300)
    if value is None or isinstance(value, bool):
        return ABSENT if value is None else str(value)
    return integer(value) if isinstance(value, int) else f"{value:.8g}"


def decimals(value: float | None, form: str) -> str:
    """A number by a format spec. Logs may say anything: beyond LARGE only its size is told."""
    if value is None:
        return ABSENT
    if abs(value) < LARGE:
        return format(value, form)
    return "> 10^15" if value > 0 else "< -10^15"


def drawable(value: float | None) -> bool:
    """Whether a number can stand in a chart beside others."""
    return value is not None and -DRAWABLE_MAX < value < DRAWABLE_MAX


def integer(value: float | None) -> str:
    return decimals(value, ",.0f")


def bpb(value: float | None) -> str:
    """Bits per byte: six decimals, trailing zeros dropped down to four."""
    if value is None or abs(value) >= LARGE:
        return decimals(value, "")
    whole, _, rest = f"{value:.6f}".partition(".")
    return f"{whole}.{rest[:4]}{rest[4:].rstrip('0')}"


def seconds(value: float | None) -> str:
    return decimals(value, ",.1f")


def signed(value: float | None) -> str:
    """A gain in bits per byte."""
    return decimals(value, "+.5f")


def p_value(value: float | None) -> str:
    if value is None:
        return ABSENT
    return "< 0.0001" if value < 0.0001 else decimals(value, ".4f")


def number(digits: int) -> Callable[[float | None], str]:
    return lambda value: decimals(value, f".{digits}f")


def seed_name(seed: int | None) -> str:
    return decimals(seed, "d")


def statistic(name: str | None) -> str:
    return "what is claimed" if name is None else STATISTICS.get(name, name)


def track(name: str | None) -> str:
    return {"10min": "10 minutes, 16 MB", "non_record": "non-record"}.get(name or "", "not known")


def claim_sentence(verdict: Verdict) -> str:
    """The claim against the logs, in one sentence."""
    claim = verdict.claim
    if claim.value is None:
        said = "No score is claimed"
        return f"{said}; the logs give {bpb(claim.recomputed)} bpb." if claim.recomputed is not None else f"{said}."
    said = f"Claimed {bpb(claim.value)} bpb ({printable(statistic(claim.statistic), 60)})"
    if claim.recomputed is None:
        return f"{said}; the logs in the folder do not give it."
    agrees = {True: "which agrees", False: "which does NOT agree", None: "which cannot be compared"}[claim.matches]
    if claim.matches is False and abs(claim.value - claim.recomputed) < ROUNDED_BPB_MAX:
        agrees = f"which is off by {claim.value - claim.recomputed:+.6f}: rounding"
    return f"{said}; the logs give {bpb(claim.recomputed)}, {agrees}."


def claimed_rows(verdict: Verdict) -> list[SeedRow]:
    return [row for row in verdict.seeds if row.role == "claimed"]


def other_rows(verdict: Verdict) -> list[SeedRow]:
    return [row for row in verdict.seeds if row.role != "claimed"]
