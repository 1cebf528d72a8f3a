"""What a verdict shows beside its rules: claims against logs per seed, sizes, phases, curves; and the headline."""

from dataclasses import replace

import pytest

from tests.verify.folders import record_folder
from verify.audit import audit, open_case
from verify.finding import Finding, Status
from verify.folder import FolderTree
from verify.logs.model import Calibration, Metric, Point, Size
from verify.policy.model import load
from verify.report.as_json import from_json, to_json
from verify.stats.leaderboard import Leaderboard
from verify.summary import bytes_match, headline, implied_bytes, seed_claim, summary
from verify.summary_charts import POINTS_MAX, phase_rows, series, thinned
from verify.verdict import RuleResult, Verdict


@pytest.fixture(scope="module")
def verdict(tmp_path_factory) -> Verdict:
    return judged(record_folder(tmp_path_factory.mktemp("legal")))


def judged(folder) -> Verdict:
    return audit(FolderTree(folder), load("board-2026-05"), Leaderboard.load())


def test_every_seed_has_its_claim_beside_its_log(verdict):
    rows = [row for row in verdict.seeds if row.role == "claimed"]
    assert sorted(row.seed for row in rows) == [42, 314, 999]
    assert all(row.bpb_matches and row.bytes_match is not False for row in rows)
    assert all(row.claimed_bpb == pytest.approx(row.logged_bpb, abs=1e-6) for row in rows)
    assert all(row.line and row.file.endswith(".log") for row in rows)


def test_a_seed_whose_claim_is_not_its_log_is_marked(tmp_path):
    folder = record_folder(tmp_path, edit={"submission.json": lambda text: text.replace("1.05398214", "1.04398214")})
    rows = {row.seed: row.bpb_matches for row in judged(folder).seeds}
    assert rows == {42: True, 314: False, 999: True}


def test_sizes_are_told_by_every_measure_and_carry_their_line(verdict):
    assert {"as logged", "script as shipped"} <= {row.measure for row in verdict.sizes}
    assert all(
        row.total_bytes == row.code_bytes + row.model_bytes for row in verdict.sizes if row.measure == "as logged"
    )
    assert all(row.source for row in verdict.sizes)


def test_phases_stand_under_the_budget_that_counts_them(verdict):
    of_seed = {(phase.name.split(" ")[0], phase.budget): phase.seconds for phase in verdict.phases if phase.seed == 42}
    assert of_seed["training", "train"] == pytest.approx(588.047)
    assert of_seed["calibration", "train"] == pytest.approx(9.7)
    assert sum(seconds for (_, budget), seconds in of_seed.items() if budget == "eval") == pytest.approx(366.525)


def test_limits_come_from_the_policy(verdict):
    assert (verdict.cap_bytes, verdict.train_seconds_max, verdict.eval_seconds_max) == (16_000_000, 600.0, 600.0)


def test_files_are_listed_with_what_they_are(verdict):
    roles = {row.path: row.role for row in verdict.submission.files}
    assert roles["README.md"] == "readme"
    assert roles["submission.json"] == "metadata"
    assert roles["train_gpt.py"] == "script"
    assert "log" in roles.values()


def test_a_real_verdict_survives_the_way_to_json_and_back(verdict):
    assert from_json(to_json(verdict)) == verdict


def test_a_folder_of_nothing_has_a_summary_without_numbers(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing to see")
    made = judged(tmp_path / "empty")
    assert (made.seeds, made.curves, made.sizes, made.phases, made.comparisons) == ((), (), (), (), ())
    assert made.claim.value is None


def test_summary_is_made_of_every_field_that_the_audit_does_not_make(tmp_path):
    case = open_case(FolderTree(record_folder(tmp_path)), load("strict"), Leaderboard.load())
    by_audit = {
        "schema_",
        "tool_version",
        "level",
        "policy",
        "policy_version",
        "policy_title",
        "status",
        "headline",
        "results",
        "milliseconds",
    }
    assert set(summary(case, ())) == set(Verdict.model_fields) - by_audit


def test_a_thinned_curve_keeps_its_ends_and_its_order():
    points = [(step, float(step)) for step in range(10_001)]
    kept = thinned(points)
    assert len(kept) == POINTS_MAX
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert list(kept) == sorted(set(kept))


def test_a_step_printed_twice_counts_once_and_numbers_that_are_none_are_dropped():
    points = [Point(0, 1, 9.0), Point(5, 2, 3.0), Point(5, 3, 2.5), Point(6, 4, float("nan")), Point(7, 5, None, 2.0)]
    assert series(points, "train_loss") == ((0, 9.0), (5, 2.5))
    assert series(points, "val_loss") == ((7, 2.0),)


def test_implied_bytes_follow_from_tokens_loss_and_bpb():
    metric = Metric("final", "sliding", 2.0, 1.0, None, 1, "")
    assert implied_bytes(metric, 1_000_000) == pytest.approx(2_885_390.08)
    assert implied_bytes(metric, None) is None
    assert implied_bytes(metric, 10**400) is None
    assert implied_bytes(Metric("final", "sliding", 2.0, 0.0, None, 1, ""), 5) is None
    assert implied_bytes(Metric("final", "sliding", float("nan"), 1.0, None, 1, ""), 5) is None


def test_a_claim_of_another_measure_is_neither_right_nor_wrong(tmp_path):
    case = open_case(FolderTree(record_folder(tmp_path)), load("board-2026-05"), Leaderboard.load())
    result = case.claim.claimed[0]
    claim = next(claim for claim in case.submission.metadata.seed_results if claim.seed == result.seed)
    model = next(size for size in result.run.sizes if size.measure == "model")
    total = next(size for size in result.run.sizes if size.measure == "total")
    assert isinstance(total, Size)
    claim.artifact_bytes = model.bytes
    assert bytes_match(claim, result, total.bytes) is None
    claim.artifact_bytes = total.bytes
    assert bytes_match(claim, result, total.bytes) is True
    claim.artifact_bytes = total.bytes - 70_001
    assert bytes_match(claim, result, total.bytes) is False


def result(rule: str, status: Status, *, lead: bool = False) -> RuleResult:
    findings = (Finding(status=status, sentence="", lead=lead),)
    return RuleResult(
        code=f"{rule}.x", rule=rule, sentence="", remedy="", status=status, found=status, findings=findings
    )


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], "No rule found broken; 0 checks passed."),
        ([result("a", Status.PASS), result("b", Status.PASS)], "No rule found broken; 2 checks passed."),
        ([result("a", Status.PASS), result("b", Status.WARN)], "No rule found broken; 1 warning (b), 1 check passed."),
        (
            [
                result("a", Status.FAIL),
                result("a", Status.FAIL),
                result("b", Status.UNPROVEN, lead=True),
                result("c", Status.WARN),
            ],
            "1 rule broken: a; 1 lead for a probe, 1 warning, 0 checks passed.",
        ),
        (
            [result("b", Status.UNPROVEN, lead=True), result("c", Status.UNPROVEN)],
            "No rule found broken; 1 lead for a probe (b), 1 unproven, 0 checks passed.",
        ),
    ],
)
def test_the_headline_names_what_decided_and_counts_the_rest(results, expected):
    status = max((one.status for one in results), key=list(Status).index, default=Status.PASS)
    assert headline(status, results) == expected


def test_the_headline_of_many_broken_rules_stays_one_line():
    results = [result(f"rule-{number:02d}", Status.FAIL) for number in range(40)]
    assert "and 34 more" in headline(Status.FAIL, results)


def test_one_pass_that_is_printed_twice_is_one_phase(tmp_path):
    case = open_case(FolderTree(record_folder(tmp_path)), load("board-2026-05"), Leaderboard.load())
    result = case.claim.claimed[0]
    assert result.metric is not None
    before = [row for row in phase_rows([result]) if row.budget != "train"]
    again = replace(result.metric, label="again", eval_seconds=(result.metric.eval_seconds or 0) - 3.0)
    (result.metric_run or result.run).metrics.append(again)
    assert [row for row in phase_rows([result]) if row.budget != "train"] == before
    other = replace(again, label="other", val_bpb=1.2)
    (result.metric_run or result.run).metrics.append(other)
    assert [row.name for row in phase_rows([result]) if row not in before and row.budget != "train"] == ["other"]


def test_what_is_claimed_of_a_variant_is_not_claimed_of_the_seed(tmp_path):
    case = open_case(FolderTree(record_folder(tmp_path)), load("board-2026-05"), Leaderboard.load())
    own = seed_claim(42, case)
    assert own is not None
    variant = replace(own, val_bpb=0.9, label="conservative")
    case.submission.metadata.seed_results = (variant, *case.submission.metadata.seed_results)
    assert seed_claim(42, case) is own
    assert seed_claim(7, case) is None
    assert seed_claim(None, case) is None


def test_a_line_that_sums_up_calibration_is_not_added_to_its_parts(tmp_path):
    case = open_case(FolderTree(record_folder(tmp_path)), load("board-2026-05"), Leaderboard.load())
    run = next(result.run for result in case.claim.claimed if result.seed == 42)
    run.calibrations = [
        Calibration(240.8, "generated", 10, "generated in 240.8s", stage="generate"),
        Calibration(241.8, "generated", 11, "done in 241.8s", stage="done"),
    ]
    (row,) = [row for row in summary(case, ())["seeds"] if row.seed == 42]
    assert row.calibration_seconds == 241.8
