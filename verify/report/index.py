"""The queue's index: one page over many verdicts, to sort, filter and open them. Works offline and without script."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from verify.finding import Status
from verify.report import show
from verify.report.page import render
from verify.verdict import Verdict

ORDER = (Status.FAIL, Status.UNPROVEN, Status.WARN, Status.PASS, Status.EXEMPT)
KINDS = ("fail", "lead", "warn", "unproven")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One verdict in a line. Rules are rule ids; links are paths relative to the index."""

    name: str
    status: str  # of finding.Status
    pr: int | None = None
    track: str | None = None
    date: str | None = None
    author: str | None = None
    headline: str = ""
    claimed_bpb: float | None = None
    recomputed_bpb: float | None = None
    failing: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    bytes_max: int | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    milliseconds: float | None = None
    duplicate_of: str | None = None
    page: str | None = None
    verdict: str | None = None

    def rules(self, kind: str) -> tuple[str, ...]:
        return {"fail": self.failing, "lead": self.leads, "warn": self.warnings, "unproven": self.unproven}[kind]

    @property
    def all_rules(self) -> list[str]:
        return sorted({rule for kind in KINDS for rule in self.rules(kind)})


@dataclass(frozen=True, slots=True)
class RuleCount:
    """In how many submissions a rule is broken, suspected, warned of, unproven."""

    rule: str
    counts: tuple[int, ...]  # by KINDS
    any: int


def queue_row(
    verdict: Verdict, page: str | None = None, json: str | None = None, duplicate_of: str | None = None
) -> QueueRow:
    """The row of a verdict. `page` and `json` are paths relative to the index."""
    by_kind: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for key, entries in show.grouped(verdict).items():
        if key in by_kind:
            by_kind[key] = {entry.result.rule for entry in entries}
    claimed = show.claimed_rows(verdict) or list(verdict.seeds)
    return QueueRow(
        name=verdict.submission.name,
        status=verdict.status.value,
        pr=verdict.submission.pr,
        track=verdict.submission.track,
        date=verdict.submission.date,
        author=verdict.submission.author,
        headline=verdict.headline,
        claimed_bpb=verdict.claim.value,
        recomputed_bpb=verdict.claim.recomputed,
        failing=tuple(sorted(by_kind["fail"])),
        leads=tuple(sorted(by_kind["lead"])),
        warnings=tuple(sorted(by_kind["warn"])),
        unproven=tuple(sorted(by_kind["unproven"])),
        bytes_max=max((row.logged_bytes for row in claimed if row.logged_bytes is not None), default=None),
        train_seconds=max((row.train_seconds for row in claimed if row.train_seconds is not None), default=None),
        eval_seconds=max((row.eval_seconds for row in claimed if row.eval_seconds is not None), default=None),
        milliseconds=verdict.milliseconds,
        duplicate_of=duplicate_of,
        page=page,
        verdict=json,
    )


def index_page(rows: Sequence[QueueRow], title: str = "Queue of submissions", note: str = "") -> str:
    """The page. `note`: one sentence under the title, for example the policy and the date."""
    statuses = Counter(row.status for row in rows)
    return render(
        "index.html.j2",
        ("base.css", "index.css"),
        ("table.js", "index.js"),
        rows=rows,
        title=title,
        note=note,
        show=show,
        statuses=[(status.value, statuses[status.value]) for status in ORDER if statuses[status.value]],
        rules=rule_counts(rows),
        duplicates=sum(row.duplicate_of is not None for row in rows),
        link=link,
    )


def rule_counts(rows: Sequence[QueueRow]) -> list[RuleCount]:
    """Most often broken first."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for kind in KINDS:
            for rule in row.rules(kind):
                counts.setdefault(rule, Counter())[kind] += 1
    any_ = Counter(rule for row in rows for rule in row.all_rules)
    found = [RuleCount(rule, tuple(count[kind] for kind in KINDS), any_[rule]) for rule, count in counts.items()]
    return sorted(found, key=lambda count: (*(-number for number in count.counts), count.rule))


def link(path: str) -> str:
    """A relative address: whatever the path holds, it never becomes one of another scheme or host."""
    return "./" + quote(path.encode("utf-8", "surrogatepass").lstrip(b"/"), safe="/")
