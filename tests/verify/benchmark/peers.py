"""Ours beside the peers' approach on the same labelled cases: recall by main rule, and false alarms."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from tests.verify.benchmark import baseline_ast, baseline_packaging, show
from tests.verify.benchmark.cases import chosen, run, tree_of
from tests.verify.benchmark.grade import Grade
from tests.verify.benchmark.labels import Label

FAIL, WARN = "FAIL", "WARN"


@dataclass(frozen=True)
class Outcome:
    """What a baseline says of one case. caught: FAIL or WARN of a check that speaks to the main rule, or nothing."""

    label: Label
    fails: tuple[str, ...]
    warns: tuple[str, ...]
    caught: str


def outcome(label: Label, hits: Sequence[baseline_ast.Hit], rules: dict[str, tuple[str, ...]]) -> Outcome:
    by_status = {status: {hit.check for hit in hits if hit.status == status} for status in (FAIL, WARN)}
    speaks = [status for status in (FAIL, WARN) if any(label.main in rules[check] for check in by_status[status])]
    fails, warns = sorted(by_status[FAIL]), sorted(by_status[WARN] - by_status[FAIL])
    return Outcome(label, tuple(fails), tuple(warns), speaks[0] if speaks and label.is_violation else "")


def baselines(labels: Sequence[Label]) -> dict[str, list[Outcome]]:
    from verify.submission.read import read_submission

    found: dict[str, list[Outcome]] = {"AST checks (#1603)": [], "packaging (#683)": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of scripts of others
        for label in labels:
            tree = tree_of(label)
            found["AST checks (#1603)"].append(
                outcome(label, baseline_ast.check(read_submission(tree)), baseline_ast.RULES)
            )
            found["packaging (#683)"].append(outcome(label, baseline_packaging.check(tree), baseline_packaging.RULES))
    return found


@click.command()
@click.option("--policy", default="board-2026-05", show_default=True)
@click.option("--each", is_flag=True, help="One line for each case.")
def peers(policy: str, each: bool) -> None:
    """Our audit beside the peers' check lists, on the labelled cases."""
    labels = chosen((), None, None)
    grades, _ = run(labels, policy)
    others = baselines(labels)
    out = show.console()
    for number, grade in enumerate(grades if each else []):
        said = " | ".join(f"{name}: {of(outcomes[number])}" for name, outcomes in others.items())
        case = f"{grade.label.index:3} #{grade.label.pr} {grade.label.label[:9]} {grade.label.main or '-'}"
        out.print(f"{case} | ours: {grade.caught or grade.status} | {said}", soft_wrap=True)
    recall(out, grades, others)
    alarms(out, grades, others)


def of(found: Outcome) -> str:
    return ", ".join([f"FAIL {check}" for check in found.fails] + [f"WARN {check}" for check in found.warns]) or "PASS"


def recall(out, grades: list[Grade], others: dict[str, list[Outcome]]) -> None:
    ours = [grade for grade in grades if grade.label.is_ours]
    rules = sorted(
        {grade.label.main for grade in ours}, key=lambda rule: (-sum(grade.label.main == rule for grade in ours), rule)
    )
    names = ["ours: fail", "ours: lead", *(f"{name}: {status}" for name in others for status in (FAIL, WARN))]
    rows = []
    for name, wanted in [*((rule, {rule}) for rule in rules), ("all", set(rules))]:
        group = [grade for grade in ours if grade.label.main in wanted]
        theirs = [
            sum(one.caught == status for one in outcomes if one.label.is_ours and one.label.main in wanted)
            for outcomes in others.values()
            for status in (FAIL, WARN)
        ]
        rows.append(
            [name, len(group), *(sum(grade.caught == kind for grade in group) for kind in ("fail", "lead")), *theirs]
        )
    show.table(out, "violations caught by their main rule", ("main rule", "cases", *names), rows)


def alarms(out, grades: list[Grade], others: dict[str, list[Outcome]]) -> None:
    """Folders that a check list speaks against without cause. Our warnings count where the label does not expect them."""
    rows: list[list[object]] = []
    for label in show.LABELS[1:]:
        group = [grade for grade in grades if grade.label.label == label]
        noise, leads = count(group, lambda one: one.noise), count(group, lambda one: one.leads)
        rows.append([label, "ours", len(group), count(group, lambda one: one.fails), noise, leads])
        for name, outcomes in others.items():
            theirs = [one for one in outcomes if one.label.label == label]
            rows.append(
                [
                    label,
                    name,
                    len(theirs),
                    count(theirs, lambda one: one.fails),
                    count(theirs, lambda one: one.warns),
                    "",
                ]
            )
            said = [f"{FAIL} {check}" for one in theirs for check in one.fails] + [
                f"{WARN} {check}" for one in theirs for check in one.warns
            ]
            out.print(f"{label}, {name}: {show.tally(said)}", soft_wrap=True)
    header = ("label", "by", "folders", "FAIL", "warnings", "leads")
    show.table(out, "accepted and clean folders spoken against", header, rows, text_columns=2)


def count(group: Sequence, said: Callable) -> int:
    return sum(bool(said(one)) for one in group)
