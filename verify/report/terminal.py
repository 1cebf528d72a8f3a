"""A verdict in the terminal: what is decided first, then the evidence. Safe to print whatever a submission holds."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verify.finding import Finding, Status
from verify.report import show
from verify.submission.text import printable
from verify.summary import count
from verify.verdict import Comparison, SeedRow, Verdict

STYLES = {
    "fail": "bold red",
    "lead": "magenta",
    "unproven": "yellow",
    "warn": "yellow",
    "note": "cyan",
    "pass": "green",
    "exempt": "dim",
}
VERDICT_STYLES = {
    "fail": "bold red",
    "unproven": "bold yellow",
    "warn": "bold yellow",
    "pass": "bold green",
    "exempt": "bold",
}
PLACES_MAX = 6  # of one finding, unless everything is asked for
FINDINGS_MAX = 8  # of one rule
OTHER_RUNS_MAX = 4
QUOTE_CHARACTERS = 160


def print_verdict(verdict: Verdict, console: Console | None = None, verbose: bool = False) -> None:
    """Print a verdict. `verbose`: passes and every finding and place too."""
    console = console or Console(highlight=False)
    ascii_only = not console.encoding.lower().startswith("utf")

    def say(text: Text, indent: int = 0) -> None:
        text.overflow = "fold"
        if ascii_only:
            # Not `encode`: a pipe in a C locale cannot take what it cannot write.
            text.plain = text.plain.replace("…", "...").replace("–", "-").encode("ascii", "replace").decode()
        if not text:
            console.print()
        elif console.is_terminal:
            console.print(Padding(text, (0, 0, 0, indent), expand=False), highlight=False)
        else:  # a pipe has no width: a line stays a line, for grep
            console.print(Text(" " * indent) + text, highlight=False, soft_wrap=True)

    say(head(verdict))
    say(Text(show.claim_sentence(verdict)))
    if verdict.seeds:
        console.print(seed_table(verdict, verbose, ascii_only, console.width), highlight=False)
        for note in seed_notes(verdict, verbose):
            say(Text(note, style="yellow"))
    for comparison in verdict.comparisons:
        say(Text(comparison_line(comparison)))
    for problem in verdict.submission.problems:
        say(Text.assemble(("! ", "yellow"), show.text(problem)))
    groups = show.grouped(verdict)
    folded = () if verbose else ("note", "pass", "exempt")
    for key, entries in groups.items():
        if not entries or key in folded:
            continue
        say(Text())
        say(Text(f"{show.GROUPS[key]} ({len(entries)})", style="bold"))
        for entry in entries:
            print_entry(entry, key, verdict, verbose, say)
    if not verbose:
        passes, notes, exempt = len(verdict.of(Status.PASS)), len(groups["note"]), len(groups["exempt"])
        more = f" ({notes} with a note)" * bool(notes) + f", {exempt} exempt" * bool(exempt)
        say(Text())
        say(Text(f"{passes} checks passed{more}; -v shows them.", style="dim"))
    time = "" if verdict.milliseconds is None else f", {verdict.milliseconds:.0f} ms"
    say(Text(f"pgolf verify {show.text(verdict.tool_version)}, policy {policy(verdict)}{time}", style="dim"))


def policy(verdict: Verdict) -> str:
    return f"{show.text(verdict.policy)} version {verdict.policy_version}"


def head(verdict: Verdict) -> Text:
    submission = verdict.submission
    name = printable(submission.name, 120)
    where = "" if submission.pr is None else f"  PR {submission.pr}"
    style = VERDICT_STYLES[verdict.status.value]
    return Text.assemble(
        (f"{verdict.status.value.upper()}", style), f"  {name}{where}\n", (show.text(verdict.headline), "bold")
    )  # fmt: skip


def seed_table(verdict: Verdict, verbose: bool, ascii_only: bool, width: int) -> Table:
    """Runs as rows. On narrow terminals the columns that say least are left out, never cut in the middle of a number."""
    from rich import box

    others = show.other_rows(verdict)
    rows = show.claimed_rows(verdict) + (others if verbose else others[:OTHER_RUNS_MAX])
    columns = [
        ("seed", lambda row: show.seed_name(row.seed)),
        ("claimed", lambda row: show.bpb(row.claimed_bpb)),
        ("logged", lambda row: show.bpb(row.logged_bpb) + mark(row.bpb_matches)),
        ("bytes", lambda row: show.integer(row.logged_bytes) + mark(row.bytes_match)),
        ("train s", lambda row: show.seconds(row.train_seconds)),
        ("eval s", lambda row: show.seconds(row.eval_seconds)),
        ("steps", lambda row: show.integer(row.steps)),
    ]
    if width >= 100:
        columns.insert(5, ("calib s", lambda row: show.seconds(row.calibration_seconds)))
        columns.append(("ms/step", lambda row: show.number(1)(row.ms_per_step)))
    table = Table(box=box.ASCII2 if ascii_only else box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    if others:
        table.add_column("role", no_wrap=True)
    if width >= 120:
        table.add_column("log", overflow="fold")
    for row in rows:
        cells = [value(row) for _, value in columns]
        cells += [row.role] * bool(others) + [place(row)] * (width >= 120)
        cells = [cell.replace("–", "-") if ascii_only else cell for cell in cells]
        table.add_row(*map(Text, cells), style="bold red" if False in (row.bpb_matches, row.bytes_match) else None)
    return table


def mark(matches: bool | None) -> str:
    return " *" if matches is False else ""


def place(row: SeedRow) -> str:
    return printable(row.file) + ("" if row.line is None else f":{row.line}")


def seed_notes(verdict: Verdict, verbose: bool) -> list[str]:
    rows = show.claimed_rows(verdict)
    notes = [
        f"* seed {show.seed_name(row.seed)}: {printable(row.file, show.FILE_CHARACTERS)} logs "
        f"{show.integer(row.logged_bytes)} bytes, claimed {show.integer(row.claimed_bytes)}"
        for row in rows
        if row.bytes_match is False
    ]
    if any(row.bpb_matches is False for row in rows):
        notes.append("* the logged score is not the one claimed of this seed")
    hidden = len(show.other_rows(verdict)) - OTHER_RUNS_MAX
    if hidden > 0 and not verbose:
        notes.append(f"{count(hidden, 'more run')} that the claim does not rest on; -v shows them")
    return notes


def comparison_line(comparison: Comparison) -> str:
    is_named = comparison.against_pr is None or str(comparison.against_pr) in comparison.against
    pull = "" if is_named else f" (PR {comparison.against_pr})"
    gain = "" if comparison.gain_bpb is None else f"gain {show.signed(comparison.gain_bpb)} bpb, "
    runs = f"n {show.integer(comparison.n_new)} and {show.integer(comparison.n_old)}"
    return (
        f"Against {printable(comparison.against, 80)}{pull}: {gain}{runs}, "
        f"p {show.p_value(comparison.p)} at margin 0, {show.p_value(comparison.p_margin_token)} at "
        f"{comparison.margin_nats:g} nats per token, {show.p_value(comparison.p_margin_byte)} per byte"
    )


def print_entry(entry: show.Entry, key: str, verdict: Verdict, verbose: bool, say) -> None:
    result = entry.result
    sign = {"✗": "x", "○": "o", "✓": "+", "–": "-"}.get(show.SIGNS[key], show.SIGNS[key])
    say(
        Text.assemble(
            (f"{sign} ", STYLES[key]), (show.text(result.code), STYLES[key]), f"  {show.text(result.sentence)}"
        )
    )
    if result.waiver is not None:
        say(Text(f"waived: {show.text(result.waiver)}"), 2)
    shown = entry.findings if verbose else entry.findings[:FINDINGS_MAX]
    for finding in shown:
        print_finding(finding, verbose, say)
    if len(shown) < len(entry.findings):
        say(Text(f"and {len(entry.findings) - len(shown)} more findings; -v shows them", style="dim"), 2)
    if key in ("fail", "warn") and result.remedy:
        say(Text(f"remedy: {show.text(result.remedy)}"), 2)
    if key == "warn" and result.found is Status.FAIL and result.cap == "warn":
        say(Text(f"broken as written; a warning under policy {show.text(verdict.policy)}", style="dim"), 2)
    if key not in ("pass", "exempt"):
        for precedent in show.precedents_of(entry):
            pull = "" if precedent.pr is None else f"PR {precedent.pr}: "
            say(Text(f"precedent: {pull}{show.text(precedent.text)}", style="dim"), 2)


def print_finding(finding: Finding, verbose: bool, say) -> None:
    say(Text(show.text(finding.sentence)), 2)
    places = finding.places if verbose else finding.places[:PLACES_MAX]
    for where in places:
        note = f"  ({show.text(where.note)})" if where.note else ""
        say(Text.assemble((show.place_name(where), "cyan"), (note, "dim")), 4)
        if where.quote:
            say(Text(f"| {printable(where.quote.strip(), QUOTE_CHARACTERS)}", style="dim"), 6)
    if len(places) < len(finding.places):
        say(Text(f"and {len(finding.places) - len(places)} more places; -v shows them", style="dim"), 4)
    if verbose and (measured := show.measured_of(finding)):
        say(Text(", ".join(f"{name} {value}" for name, value in measured), style="dim"), 4)
    if finding.probe:
        say(Text(f"decided by probe: {show.text(finding.probe)}"), 4)
