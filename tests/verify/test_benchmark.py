"""How the benchmark grades: what counts as caught, as half, as a false alarm."""

import dataclasses

import pytest

from tests.verify.benchmark.baseline_ast import check
from tests.verify.benchmark.grade import grade
from tests.verify.benchmark.labels import EVIDENCE, Evidence, Label
from tests.verify.report.verdicts import verdict as example
from verify.finding import Finding, Place, Status, failed, lead, passed, unproven, warned
from verify.folder import FolderTree
from verify.submission.read import read_submission
from verify.verdict import RuleResult

PLACE = Place(file="train_gpt.py", line=882, quote="def ttt_adapt(")
LABEL = Label(
    index=0,
    pr=1,
    sha="0" * 40,
    date="2026-04-01",
    folder="records/x/y",
    label="violation",
    rules=("no-val-train", "train-time"),
    expected_warn=(),
    detectable_by=frozenset({"files"}),
    evidence=(Evidence("train_gpt.py", 884, "def ttt_adapt(", ""),),
    reason="",
    notes="",
)


def result(code: str, finding: Finding, status: Status | None = None) -> RuleResult:
    status = status or finding.status
    return RuleResult(
        code=code,
        rule=code.partition(".")[0],
        sentence="",
        remedy="",
        status=status,
        found=finding.status,
        findings=(finding,),
    )


def graded(*results: RuleResult, label: Label = LABEL):
    return grade(label, example().model_copy(update={"results": results}))


@pytest.mark.parametrize(
    ("results", "caught"),
    [
        ([result("no-val-train.steps", failed("x", PLACE))], "fail"),
        ([result("no-val-train.steps", lead("x", PLACE, probe="p"))], "lead"),
        ([result("no-val-train.steps", lead("x", Place(file="train_gpt.py"), probe="p"))], "missed"),  # names no line
        ([result("no-val-train.steps", lead("x", PLACE, probe="p"), Status.EXEMPT)], "missed"),
        ([result("no-val-train.steps", unproven("x", PLACE))], "missed"),
        ([result("no-val-train.steps", warned("x", PLACE))], "missed"),
        ([result("no-val-train.steps", passed("x")), result("train-time.runs", failed("x"))], "half"),
        ([result("seeds.count", failed("x", PLACE))], "missed"),
        ([], "missed"),
    ],
)  # fmt: skip
def test_a_violation_is_caught_by_its_main_rule_or_by_half_or_not(results, caught):
    assert graded(*results).caught == caught


def test_a_warning_counts_where_the_rule_is_disputed():
    disputed = dataclasses.replace(LABEL, rules=("doc-boundary",))
    assert graded(result("doc-boundary.shift", warned("x", PLACE)), label=disputed).caught == "lead"
    assert graded(result("doc-boundary.shift", warned("x")), label=disputed).caught == "missed"


def test_lines_of_evidence_are_found_by_line_or_by_quote():
    assert graded(result("no-val-train.steps", failed("x", PLACE))).evidence_hit == 1
    far = PLACE.model_copy(update={"line": 2, "quote": "  def ttt_adapt(self):"})
    assert graded(result("no-val-train.steps", failed("x", far))).evidence_hit == 1
    other = PLACE.model_copy(update={"file": "other.py"})
    assert graded(result("no-val-train.steps", failed("x", other))).evidence_hit == 0
    assert graded(result("seeds.count", failed("x", PLACE))).evidence_hit == 0
    assert graded(result("seeds.count", failed("x", PLACE))).evidence_hit_any == 1


def test_on_accepted_folders_failures_and_unexpected_warnings_are_counted():
    label = dataclasses.replace(LABEL, label="accepted", rules=(), expected_warn=("calib-in-train", "hardware"))
    found = graded(
        result("calib-in-train.runs", warned("x")),
        result("seeds.count", warned("x")),
        result("train-time.runs", failed("x")),
        label=label,
    )  # fmt: skip
    assert (found.fails, found.noise) == (["train-time.runs"], ["seeds.count"])
    assert found.expected == {"calib-in-train": True, "hardware": False}
    assert found.caught == ""


def test_evidence_is_read_with_and_without_decoding():
    match = EVIDENCE.fullmatch("train_gpt.py:12 (decoded): `a:1: `b`` - a note")
    assert match is not None
    assert (match["file"], match["line"], match["quote"], match["note"]) == ("train_gpt.py", "12", "a:1: `b`", "a note")


SCRIPT = """
import {module}
import torch


def eval_val(model, val_tokens):
    loss_sum = 0.0
    with torch.no_grad():
        loss_sum += torch.nn.functional.cross_entropy(model(val_tokens), val_tokens)
    return loss_sum


def ttt_adapt(model, val_tokens, optimizer):
    {before}
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("module", "before", "checks"),
    [
        ("math", "loss_sum = 0\n    loss_sum += model(val_tokens)", []),
        ("math", "model(val_tokens).backward()", ["C3"]),
        ("requests", "loss_sum = 0\n    loss_sum += 1", ["network"]),
        ("math", "loss_sum = 0\n    loss_sum += 1\n    key = context ^ (tgt * 31)", ["n-gram"]),
    ],
)
def test_the_baseline_sees_what_a_pattern_can_see(tmp_path, module, before, checks):
    (tmp_path / "train_gpt.py").write_text(SCRIPT.format(module=module, before=before))
    assert sorted({hit.check for hit in check(read_submission(FolderTree(tmp_path))) if hit.status == "FAIL"}) == checks
