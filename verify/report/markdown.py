"""A verdict as a comment on a pull request: GitHub-flavoured Markdown, below GitHub's limit of 65,536 characters.

What a submission says must not speak on GitHub: no mention, no reference to an issue, no link, no HTML. Escapes alone do
not do, since GitHub looks for `@name`, `#12`, `www.` and commit ids after Markdown is rendered; a word joiner (U+2060)
breaks them. Links to pull requests go by redirect.github.com, so that a comment leaves no trace in those threads.
"""

import re
from collections.abc import Iterable, Sequence

from verify.finding import Finding, Place
from verify.report import show
from verify.report.show import ABSENT
from verify.submission.text import printable
from verify.summary import count
from verify.verdict import Comparison, Verdict

CHARACTERS_MAX = 60_000  # and as many bytes: GitHub's limit counts characters, most are ASCII
PLACES_MAX = 5
FINDINGS_MAX = 6
SEEDS_MAX = 24
TEXT_CHARACTERS = 400
QUOTE_CHARACTERS = 200
JOINER = "\u2060"
SPECIAL = re.compile(r"([\\`*_{}\[\]()#|~$^])")
STARTS = re.compile(
    r"^(\s*)(?:([-+=:!])|(\d+)([.)]))"
)  # what begins a list, a heading or a rule, at the start of a text only
# What GitHub turns into links by itself: mentions, issues, addresses, commit ids.
AUTOLINK = re.compile(r"@(?=\w)|#(?=\w)|:(?=//)|\bwww(?=\.)|\bGH(?=-\d)|:(?=\w+:)", re.IGNORECASE)
COMMIT = re.compile(r"\b(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b", re.IGNORECASE)


def to_markdown(verdict: Verdict) -> str:
    """The whole comment. Details that do not fit are left out from the end, and it says so."""
    parts = [head(verdict), seeds(verdict), *comparisons(verdict)]
    tail = footer(verdict)
    room = CHARACTERS_MAX - sum(size(part) for part in parts) - size(tail) - 400
    left_out = 0
    for part in details(verdict):
        if size(part) <= room:
            parts.append(part)
            room -= size(part)
        else:
            left_out += 1
    if left_out:
        parts.append(f"\n{left_out} more sections did not fit into a comment; the HTML report has them.\n")
    return "\n".join(part for part in [*parts, tail] if part)


def size(text: str) -> int:
    return len(text.encode("utf-8", "replace")) + 1


def plain(value: str, characters_max: int = TEXT_CHARACTERS) -> str:
    """Text that means nothing to Markdown or GitHub: one line, every special character escaped, nothing that links itself."""
    joined = AUTOLINK.sub(lambda match: match[0] + JOINER, printable(value, characters_max).strip() or ABSENT)
    joined = COMMIT.sub(lambda match: JOINER.join(re.findall(".{1,6}", match[0])), joined)
    escaped = SPECIAL.sub(r"\\\1", joined).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return STARTS.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", escaped)


def code(value: str, characters_max: int = QUOTE_CHARACTERS, in_table: bool = False) -> str:
    """A code span: GitHub looks for nothing in it. Its fence is longer than any run of backticks within."""
    text = printable(value, characters_max).strip() or ABSENT
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if "`" in (text[0], text[-1]) else ""
    if in_table:
        text = text.replace("|", "\\|")
    return f"{fence}{padding}{text}{padding}{fence}"


def head(verdict: Verdict) -> str:
    submission = verdict.submission
    sign = show.SIGNS[verdict.status.value]
    where = "" if not submission.sha else f" at {code(submission.sha[:12])}"
    lines = [
        f"### {sign} {verdict.status.value.upper()}: {plain(verdict.headline)}",
        "",
        f"{code(submission.name)}{where}, track {plain(show.track(submission.track))}. {plain(show.claim_sentence(verdict))}",
        "",
    ]
    lines += [f"- {plain(problem)}" for problem in submission.problems[:5]]
    if submission.problems:
        lines.append("")
    return "\n".join(lines)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right_from: int = 1) -> str:
    rule = [":--" if index < right_from else "--:" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def seeds(verdict: Verdict) -> str:
    rows = show.claimed_rows(verdict) or show.other_rows(verdict)
    if not rows:
        return ""

    def marked(text: str, matches: bool | None) -> str:
        return f"**{text}** ✗" if matches is False else f"{text} ✓" if matches else text

    header = ("seed", "claimed bpb", "logged bpb", "logged bytes", "train s", "calibration s", "eval s", "steps", "log")
    cells = [
        (
            show.seed_name(row.seed),
            show.bpb(row.claimed_bpb),
            marked(show.bpb(row.logged_bpb), row.bpb_matches),
            marked(show.integer(row.logged_bytes), row.bytes_match),
            show.seconds(row.train_seconds),
            show.seconds(row.calibration_seconds),
            show.seconds(row.eval_seconds),
            show.integer(row.steps),
            code(row.file, 80, in_table=True) + ("" if row.line is None else f" {show.integer(row.line)}"),
        )
        for row in rows[:SEEDS_MAX]
    ]
    more = len(verdict.seeds) - len(cells)
    note = f"\n\n{count(more, 'more run')} in the folder; ✗ marks what differs from the claim.\n" if more > 0 else ""
    return table(header, cells) + (note or "\n\n✓ agrees with the claim, ✗ does not.\n")


def comparisons(verdict: Verdict) -> list[str]:
    return [comparison_line(comparison) for comparison in verdict.comparisons[:4]]


def comparison_line(comparison: Comparison) -> str:
    pull = None if comparison.against_pr is None else pull_link(comparison.against_pr)
    name = plain(comparison.against, 80)
    against = (
        pull if pull and comparison.against == f"PR {comparison.against_pr}" else f"{name} ({pull})" if pull else name
    )
    gain = "" if comparison.gain_bpb is None else f"gain {show.signed(comparison.gain_bpb)} bpb, "
    return (
        f"Against {against}: {gain}{count(comparison.n_new, 'run')} against {comparison.n_old}; one-sided Welch "
        f"{p_text(comparison.p)} at margin 0, {p_text(comparison.p_margin_token)} at {comparison.margin_nats:g} nats per "
        f"token, {p_text(comparison.p_margin_byte)} per byte.\n"
    )


def p_text(value: float | None) -> str:
    if value is None:
        return "p not known"
    text = show.p_value(value).replace("<", "&lt;").replace(">", "&gt;")
    return f"p {text}" if text.startswith("&") else f"p = {text}"


def pull_link(number: int) -> str:
    return f"[PR {number}](https://redirect.github.com/openai/parameter-golf/pull/{number})"


def details(verdict: Verdict) -> list[str]:
    """A section for each group that is not a pass, worst first; the failures stand open, the rest is folded."""
    sections = []
    groups = show.grouped(verdict)
    for key, entries in groups.items():
        if key in ("pass", "exempt") or not entries:
            continue
        is_open = " open" if key == "fail" else ""
        opening = f"\n<details{is_open}><summary>{show.SIGNS[key]} {show.GROUPS[key]} ({len(entries)})</summary>\n"
        sections += split(opening, [entry_text(entry, key, verdict) for entry in entries])
    passes = [plain(entry.result.code) for entry in groups["pass"]]
    if passes:
        sections.append(f"\n<details><summary>✓ Passed ({len(passes)})</summary>\n\n{', '.join(passes)}\n\n</details>")
    exempt = [
        f"- {plain(entry.result.code)}: {plain(entry.result.waiver or 'not in force')}" for entry in groups["exempt"]
    ]
    if exempt:
        sections.append(
            f"\n<details><summary>– Exempt ({len(exempt)})</summary>\n\n" + "\n".join(exempt) + "\n\n</details>"
        )
    return sections


def split(opening: str, texts: list[str]) -> list[str]:
    """One section, or several where one would fill half a comment."""
    sections, held = [], ""
    for text in texts:
        if held and size(held) + size(text) > CHARACTERS_MAX // 4:
            sections.append(f"{opening}\n{held}\n</details>")
            held = ""
        held += text
    return [*sections, f"{opening}\n{held}\n</details>"]


def entry_text(entry: show.Entry, key: str, verdict: Verdict) -> str:
    result = entry.result
    lines = [f"**{plain(result.code)}** {plain(result.sentence)}", ""]
    for finding in entry.findings[:FINDINGS_MAX]:
        lines += finding_lines(finding, verdict)
    if len(entry.findings) > FINDINGS_MAX:
        lines.append(f"- and {len(entry.findings) - FINDINGS_MAX} more findings")
    lines.append("")
    if key in ("fail", "warn") and result.remedy:
        lines += [f"Remedy: {plain(result.remedy)}", ""]
    for precedent in show.precedents_of(entry)[:4]:
        pull = "" if precedent.pr is None else f"{pull_link(precedent.pr)}: "
        lines += [f"Precedent: {pull}{plain(precedent.text)}", ""]
    return "\n".join(lines) + "\n"


def finding_lines(finding: Finding, verdict: Verdict) -> list[str]:
    probe = f" (decided by probe {code(finding.probe, 60)})" if finding.probe else ""
    lines = [f"- {plain(finding.sentence)}{probe}"]
    lines += [f"  - {place_text(place, verdict)}" for place in finding.places[:PLACES_MAX]]
    if len(finding.places) > PLACES_MAX:
        lines.append(f"  - and {len(finding.places) - PLACES_MAX} more places")
    return lines


def place_text(place: Place, verdict: Verdict) -> str:
    name = code(show.place_name(place), 180)
    url = show.place_url(verdict, place)
    linked = f"[{name}](<{url}>)" if url else name
    quote = f": {code(place.quote)}" if place.quote else ""
    return linked + quote + (f" ({plain(place.note, 200)})" if place.note else "")


def footer(verdict: Verdict) -> str:
    title = f"{plain(verdict.policy, 60)} version {verdict.policy_version}"
    return (
        f"\n<sub>pgolf verify {plain(verdict.tool_version, 30)}, policy {title}: {plain(verdict.policy_title, 120)}. Read from the "
        "files alone; nothing was run. A lead is a suspicion for a probe, not a finding of fault.</sub>\n"
    )
