"""The labelled cases against the audit: what is caught as a failure or as a lead, what is flagged without cause."""

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from tests.verify.benchmark import show
from tests.verify.benchmark.grade import Grade, crashed, grade
from tests.verify.benchmark.labels import Label, folder_of, load_labels


def chosen(indices: Sequence[int], rule: str | None, label: str | None) -> list[Label]:
    """The cases asked for; the two folders of real data come from the environment."""
    folder = folder_of("PGOLF_BENCHMARK")
    if folder is None or folder_of("PGOLF_CHALLENGE") is None:
        raise click.ClickException(
            "Set PGOLF_BENCHMARK (folder with cases.json) and PGOLF_CHALLENGE (clone with all pull requests)."
        )
    labels = load_labels(folder)
    return [
        case
        for case in labels
        if (not indices or case.index in indices)
        and (rule is None or rule in case.rules or rule in case.expected_warn)
        and (label is None or case.label.startswith(label))
    ]


def tree_of(case: Label):
    """Its folder, read from git at its commit."""
    from verify.git.tree import tree_at

    tree = tree_at(str(folder_of("PGOLF_CHALLENGE")), case.sha, case.folder, case.pr)
    tree.date = case.date  # many commits are main's last one
    return tree


def judge(case: Label, policy: str):
    """The verdict on a case."""
    from verify.audit import decide, open_case
    from verify.policy.model import load
    from verify.stats.leaderboard import Leaderboard

    return decide(open_case(tree_of(case), load(policy), Leaderboard.load()))


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
    out = show.console()
    if each or indices or rule or label or verbose:
        for found in grades:
            show.line(out, found, rule)
            if (verbose or indices) and found.label.index in verdicts:
                show.details(out, verdicts[found.label.index], rule)
    show.report(out, grades)
    if json_path:
        json_path.write_text(json.dumps([plain(found) for found in grades], indent=1, ensure_ascii=False) + "\n")


def plain(found: Grade) -> dict:
    values = asdict(found)
    values["levels"] = sorted(found.levels)
    values["label"]["detectable_by"] = sorted(found.label.detectable_by)
    return values
