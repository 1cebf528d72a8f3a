"""The labelled cases against the audit: what is caught as a failure or as a lead, what is flagged without cause."""

import json
import statistics
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.verify.benchmark.grade import Grade, counts, crashed, grade
from tests.verify.benchmark.labels import Label, folder_of, load_labels

CAUGHT = ("fail", "lead", "half", "missed")
LABELS = ("violation", "accepted", "clean_unmerged")


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 170, highlight=False)


def chosen(indices: Sequence[int], rule: str | None, label: str | None) -> list[Label]:
    """The cases asked for; the two folders of real data come from the environment."""
    folder = folder_of("PGOLF_BENCHMARK")
    if folder is None or folder_of("PGOLF_CHALLENGE") is None:
        raise click.ClickException("Set PGOLF_BENCHMARK (the folder with cases.json) and PGOLF_CHALLENGE (a clone with all pull requests).")
    labels = load_labels(folder)
    return [
        case
        for case in labels
        if (not indices or case.index in indices)
        and (rule is None or rule in case.rules or rule in case.expected_warn)
        and (label is None or case.label.startswith(label))
    ]


def judge(case: Label, policy: str):
    """The verdict on a case, read from git at its commit."""
    from verify.audit import audit
    from verify.git.tree import tree_at
    from verify.policy.model import load
    from verify.stats.leaderboard import load as load_leaderboard

    tree = tree_at(str(folder_of("PGOLF_CHALLENGE")), case.sha, case.folder, case.pr)
    return audit(tree, load(policy), load_leaderboard())


def run(labels: Sequence[Label], policy: str, progress: bool = True) -> tuple[list[Grade], dict]:
    grades, verdicts = [], {}
    for number, case in enumerate(labels, 1):
        if progress and sys.stderr.isatty():
            print(f"\r{number}/{len(labels)}", end="", file=sys.stderr)
        try:
            verdicts[case.index] = judge(case, policy)
            grades.append(grade(case, verdicts[case.index]))
        except Exception:  # a crash is a result of this benchmark, shown in full
            grades.append(crashed(case, traceback.format_exc()))
    return grades, verdicts


@click.command()
@click.option("--case", "indices", type=int, multiple=True, metavar="INDEX", help="Only this case; may be given again.")
@click.option("--rule", help="Only cases that have this rule in their label; shows what the audit says of it.")
@click.option("--label", help="Only violation, accepted or clean_unmerged (a beginning will do).")
@click.option("--policy", default="board-2026-05", show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all grades there.")
@click.option("--each", is_flag=True, help="One line for each case, as with --case and --rule.")
@click.option("-v", "--verbose", is_flag=True, help="Every finding that says something, with its places.")
def cases(indices, rule, label, policy, json_path, each, verbose) -> None:
    """Audit the labelled cases straight from git and grade the verdicts."""
    labels = chosen(indices, rule, label)
    grades, verdicts = run(labels, policy)
    out = console()
    if each or indices or rule or label or verbose:
        for found in grades:
            line(out, found, rule)
            if (verbose or indices) and found.label.index in verdicts:
                details(out, verdicts[found.label.index], rule)
    report(out, grades)
    if json_path:
        json_path.write_text(json.dumps([plain(found) for found in grades], indent=1, ensure_ascii=False) + "\n")


def plain(found: Grade) -> dict:
    values = asdict(found)
    values["levels"] = sorted(found.levels)
    values["label"]["detectable_by"] = sorted(found.label.detectable_by)
    return values


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
    out.print(escape(
        f"{case.index:3} #{case.pr} {case.label[:9]:9} {verdict:7}{' (unproven)' if found.unproven else ''} main {case.main or '-'}"
        f" | {', '.join(said) or '-'}{' | CRASH' if found.crash else ''}"
    ))  # fmt: skip
    if found.crash:
        out.print(escape(found.crash[-1500:]))


def details(out: Console, verdict, rule: str | None) -> None:
    for result in verdict.results:
        if rule and result.rule != rule:
            continue
        for finding in result.findings:
            if counts(finding) or rule:
                kind = "lead" if finding.lead else finding.status.value
                out.print(escape(f"      {result.code} [{kind}] {finding.sentence}"[:400]))
                for place in finding.places[:6]:
                    out.print(escape(f"          {place.file}:{place.line}: {place.quote.strip()[:110]}"), soft_wrap=True)


def report(out: Console, grades: list[Grade]) -> None:
    recall(out, [found for found in grades if found.label.is_ours])
    alarms(out, [found for found in grades if not found.label.is_violation])
    confusion(out, grades)
    misses(out, [found for found in grades if found.label.is_violation and not found.is_caught])
    lines = sum(len(found.label.evidence) for found in grades if found.label.is_violation)
    hit = sum(found.evidence_hit for found in grades if found.label.is_violation)
    any_rule = sum(found.evidence_hit_any for found in grades if found.label.is_violation)
    some = sum(found.evidence_hit > 0 for found in grades if found.label.is_violation)
    number = sum(found.label.is_violation for found in grades)
    if number:
        out.print(f"lines of evidence named by the label's own rules: {hit} of {lines} (by any rule {any_rule}); at least one in {some} of {number} violations")
    times = sorted(found.milliseconds for found in grades if not found.crash)
    if times:
        out.print(f"{len(grades)} cases, {sum(bool(found.crash) for found in grades)} crashes; median {statistics.median(times):.0f} ms, slowest {times[-1]:.0f} ms")


def recall(out: Console, grades: list[Grade]) -> None:
    if not grades:
        return
    table = Table(title="violations that files or logs can show, by main rule")
    for name in ("rule", "cases", *CAUGHT, "caught"):
        table.add_column(name, justify="left" if name == "rule" else "right")
    groups: dict[str, list[Grade]] = {}
    for found in grades:
        groups.setdefault(found.label.main, []).append(found)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    extra = [(f"by {level}", [found for found in grades if level in found.label.detectable_by]) for level in ("files", "logs")]
    for name, group in [*ordered, *extra, ("all", grades)]:
        count = Counter(found.caught for found in group)
        caught = count["fail"] + count["lead"]
        if name == "by files":
            table.add_section()
        table.add_row(name, str(len(group)), *(str(count[kind] or "") for kind in CAUGHT), f"{caught / max(1, len(group)):.0%}")
    out.print(table)


def alarms(out: Console, grades: list[Grade]) -> None:
    if not grades:
        return
    table = Table(title="accepted and clean folders")
    for name in ("label", "folders", "false FAIL", "rules that fail", "noise (warnings)", "expected warned", "with leads", "leads by rule"):
        table.add_column(name)
    for label in LABELS[1:]:
        group = [found for found in grades if found.label.label == label]
        if group:
            table.add_row(
                label, str(len(group)), str(sum(bool(found.fails) for found in group)), tally(code for found in group for code in found.fails),
                tally(code for found in group for code in found.noise),
                f"{sum(sum(found.expected.values()) for found in group)} of {sum(len(found.expected) for found in group)}",
                str(sum(bool(found.leads) for found in group)), tally(code for found in group for code in found.leads),
            )  # fmt: skip
    out.print(table)
    for found in grades:
        if found.fails:
            out.print(escape(f"  false FAIL: case {found.label.index} #{found.label.pr} {found.label.label}: {', '.join(found.fails)}"))


def tally(names) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(names).most_common()) or "-"


def confusion(out: Console, grades: list[Grade]) -> None:
    kinds = ("fail", "unproven, with leads", "unproven", "warn", "pass", "exempt", "crash")
    table = Table(title="verdicts by label")
    for name in ("label", *kinds):
        table.add_column(name, justify="left" if name == "label" else "right")
    for label in LABELS:
        group = [found for found in grades if found.label.label == label]
        if group:
            count = Counter("unproven, with leads" if found.status == "unproven" and found.leads else found.status for found in group)
            table.add_row(label, *(str(count[kind] or "") for kind in kinds))
    out.print(table)


def misses(out: Console, grades: list[Grade]) -> None:
    if not grades:
        return
    table = Table(title="not caught by their main rule")
    for name in ("case", "pr", "", "rules of the label", "detectable by", "said instead", "why it can be seen"):
        table.add_column(name, overflow="fold")
    for found in sorted(grades, key=lambda one: (one.label.main, one.label.index)):
        said = tally([f"FAIL {code}" for code in found.fails] + [f"lead {code}" for code in found.leads])
        table.add_row(
            str(found.label.index), str(found.label.pr), found.caught + (", unproven" if found.unproven else ""), ", ".join(found.label.rules),
            ", ".join(sorted(found.label.detectable_by)), escape("CRASH " + found.crash.splitlines()[-1] if found.crash else said), escape(found.label.reason),
        )  # fmt: skip
    out.print(table)
