"""Claim, submission.json and README against the logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.folders import SCORES, SCRIPT, record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of
from verify.facts.agree import Field, agrees, digits
from verify.stats.leaderboard import Leaderboard

MEAN = sum(SCORES.values()) / 3
SEEDS = tuple(SCORES)


def test_a_claim_better_than_its_logs_is_a_warning_on_the_board_and_a_failure_to_the_letter(tmp_path):
    folder = record_folder(tmp_path, submission={"val_bpb": 1.0350, "seed_results": ...}, without=["README.md"])
    result = check("log-consistency.claim", folder)
    assert result.status is WARN
    assert "1.035" in worst_of(result).sentence
    assert check("log-consistency.claim", folder, "readme-2026-03").status is FAIL


@pytest.mark.parametrize("value", [round(MEAN, 8), round(MEAN, 5), round(MEAN, 4), 1.05416])
def test_a_claim_may_be_rounded(tmp_path, value):
    assert check("log-consistency.claim", record_folder(tmp_path, submission={"val_bpb": value})).status is PASS


def test_a_claim_without_a_score_in_any_log_is_not_a_pass(tmp_path):
    logs = [f"train_seed{seed}.log" for seed in SEEDS]
    assert check("log-consistency.claim", record_folder(tmp_path, without=logs)).status is UNPROVEN


@pytest.mark.parametrize(
    ("field", "value"),
    [("val_bpb", 1.0499), ("val_loss", 2.7), ("artifact_bytes", 15_976_001), ("steps", 4700), ("eval_time_s", 300.0)],
)
def test_a_figure_of_a_seed_that_its_log_does_not_say_is_named(tmp_path, field, value):
    folder = record_folder(tmp_path)
    path = folder / "submission.json"
    text = path.read_text()
    old = {"val_bpb": "1.05398214", "val_loss": "2.72257737", "artifact_bytes": "15976919"}
    old |= {"steps": "4547", "eval_time_s": "366.525"}
    at = text.index('"314": {')
    path.write_text(text[:at] + text[at:].replace(old[field], str(value), 1))
    result = check("log-consistency.fields", folder, "strict")
    assert result.status is FAIL
    assert "seed 314" in worst_of(result).sentence
    assert {place.file for place in worst_of(result).places} >= {"train_seed314.log"}


def test_a_wrong_row_of_the_readme_is_noted(tmp_path):
    folder = record_folder(tmp_path, edit={"README.md": lambda text: text.replace("| 314 | 4547 |", "| 314 | 4600 |")})
    result = check("log-consistency.table", folder)
    assert result.status is PASS
    assert worst_of(result).noted
    assert check("log-consistency.table", folder, "readme-2026-03").status is WARN


@given(logged=st.floats(0.9, 1.3), digits=st.integers(3, 8))
def test_a_rounded_or_cut_off_score_agrees_and_one_a_unit_off_does_not(logged, digits):
    unit = 10.0**-digits
    cut = int(logged / unit) * unit
    assert agrees(Field("val_bpb", round(logged, digits), (logged,), None, unit))
    assert agrees(Field("val_bpb", cut, (logged,), None, unit))
    assert not agrees(Field("val_bpb", round(logged, digits) + 2 * unit, (logged,), None, unit))


@pytest.mark.parametrize(("stated", "word"), [(0.0001962, "sample"), (0.0001602, "divides by n"), (0.0009, "neither")])
def test_the_stated_deviation_is_told_apart(tmp_path, stated, word):
    folder = record_folder(tmp_path, submission={"val_bpb_std": stated})
    result = check("log-consistency.spread", folder)
    assert word in worst_of(result).sentence
    assert worst_of(result).noted is (word != "sample")


def test_a_log_that_ends_before_its_score_is_unproven(tmp_path):
    def cut(text):
        return text[: text.index("pre-quantization")]

    folder = record_folder(tmp_path, edit={"train_seed314.log": cut})
    codes = ("log-consistency.run", "log-consistency.claim", "log-consistency.fields")
    assert UNPROVEN in {check(code, folder).status for code in codes}


def test_steps_and_pace_that_do_not_make_the_time_are_a_warning(tmp_path):
    def paced(text):
        return text.replace("peak memory", "step_avg:85.21ms\npeak memory")

    assert check("log-consistency.run", record_folder(tmp_path)).status is PASS
    folder = record_folder(tmp_path / "b", edit={"train_seed42.log": paced})
    assert check("log-consistency.run", folder).status in (PASS, WARN)


def test_a_score_that_the_shipped_script_cannot_print_is_a_warning(tmp_path):
    starter = SCRIPT.replace("ttt", "xyz").replace("TTT", "XYZ")
    result = check("log-consistency.own-script", record_folder(tmp_path, script=starter))
    assert result.status is WARN
    assert "'ttt'" in worst_of(result).sentence


def test_a_packed_script_prints_its_scores_too(tmp_path):
    assert check("log-consistency.own-script", record_folder(tmp_path, is_packed=True)).status is PASS


def test_scores_of_an_earlier_record_to_all_digits_are_a_copy(tmp_path):
    row = Leaderboard.load().row(549)
    assert row is not None
    scores = {seed.seed: seed.val_bpb for seed in row.seeds}
    assert len(scores) == 3
    bytes_ = {s.seed: {"val_tokens": 62_021_632, "val_bytes": 151_080_298} for s in row.seeds}
    folder = record_folder(tmp_path, seeds=tuple(scores), scores=scores, per_seed=bytes_)
    losses = {s.seed: s.val_loss for s in row.seeds}
    for seed, loss in losses.items():  # the very lines, loss and all
        path = folder / f"train_seed{seed}.log"
        head, _, tail = path.read_text().rpartition("quantized_ttt val_loss:")
        path.write_text(f"{head}quantized_ttt val_loss:{loss:.8f}{tail[tail.index(' val_bpb') :]}")
    result = check("log-consistency.copied", folder)
    assert result.status is FAIL
    assert "PR 549" in worst_of(result).sentence
    folder.rename(folder.parent / row.folder.rpartition("/")[2])
    assert check("log-consistency.copied", folder.parent / row.folder.rpartition("/")[2]).status is PASS


def test_one_seed_of_another_record_beside_own_ones_is_a_warning(tmp_path):
    row = Leaderboard.load().row(549)
    assert row is not None
    seed = row.seeds[0]
    ours = {seed.seed: seed.val_bpb, 8001: 1.1188, 8002: 1.1191}
    folder = record_folder(tmp_path, seeds=tuple(ours), scores=ours)
    path = folder / f"train_seed{seed.seed}.log"
    head, _, tail = path.read_text().rpartition("quantized_ttt val_loss:")
    path.write_text(f"{head}quantized_ttt val_loss:{seed.val_loss:.8f}{tail[tail.index(' val_bpb') :]}")
    assert check("log-consistency.copied", folder).status is WARN


def test_a_log_kept_for_comparison_beside_a_claim_that_no_log_gives_is_a_warning(tmp_path):
    row = Leaderboard.load().row(549)
    assert row is not None
    seed = row.seeds[0]
    claimed = {f"{seed.seed}_own": {"val_bpb": 1.15}, f"{seed.seed}_stack": {"val_bpb": 1.16}}
    folder = record_folder(
        tmp_path,
        seeds=(seed.seed,),
        scores={seed.seed: seed.val_bpb},
        submission={"val_bpb": 1.16, "seed_results": claimed},
        without=["README.md"],
    )
    path = folder / f"train_seed{seed.seed}.log"
    head, _, tail = path.read_text().rpartition("quantized_ttt val_loss:")
    path.write_text(f"{head}quantized_ttt val_loss:{seed.val_loss:.8f}{tail[tail.index(' val_bpb') :]}")
    assert check("log-consistency.copied", folder).status is WARN


@pytest.mark.parametrize(
    ("key", "value"), [("val_loss", 2.9), ("code_bytes", 1), ("step_stop", 9999), ("wallclock_seconds", 1200.0)]
)
def test_a_figure_at_the_top_that_no_log_says_is_named(tmp_path, key, value):
    folder = record_folder(tmp_path, submission={key: value})
    result = check("log-consistency.headline", folder, "strict")
    assert result.status is FAIL
    assert key in worst_of(result).sentence
    assert check("log-consistency.headline", record_folder(tmp_path / "b"), "strict").status is PASS


def test_two_runs_in_one_log_and_a_decoy_last_line_are_noted(tmp_path):
    def twice(text):
        return text + text.replace("1.05412873", "1.05999999")

    folder = record_folder(
        tmp_path, edit={"train_seed314.log": lambda text: text + "final_sliding_exact val_loss:3.45 val_bpb:1.336\n"}
    )
    notes = [finding.sentence for finding in check("log-consistency.reading", folder).findings if finding.noted]
    assert any("1.336" in note for note in notes)
    two = record_folder(tmp_path / "b", edit={"train_seed42.log": twice})
    notes = [finding.sentence for finding in check("log-consistency.reading", two).findings if finding.noted]
    assert any("2 runs" in note for note in notes)


def test_another_score_in_the_readme_is_noted(tmp_path):
    folder = record_folder(tmp_path, edit={"README.md": lambda text: text.replace("1.05416", "1.04350")})
    assert worst_of(check("log-consistency.readme", folder)).noted
    assert not worst_of(check("log-consistency.readme", record_folder(tmp_path / "b"))).noted


@pytest.mark.parametrize(("value", "decimals"), [(2.71936, 5), (2.7, 3), (1.05416051, 8), (None, 8)])
def test_a_figure_is_held_to_the_decimals_it_is_written_with(value, decimals):
    assert digits(value) == decimals


def test_a_record_that_could_not_be_reproduced_is_a_warning(tmp_path):
    rows = [row for row in Leaderboard.load().rows if row.is_disputed and row.track == "10min" and len(row.seeds) > 1]
    assert rows
    scores = {seed.seed: seed.val_bpb for seed in rows[0].seeds}
    folder = record_folder(tmp_path, seeds=tuple(scores), scores=scores)
    result = check("log-consistency.reproduced", folder)
    assert result.status is WARN
    assert rows[0].name in worst_of(result).sentence
    assert check("log-consistency.reproduced", record_folder(tmp_path / "b")).status is PASS


def test_a_seed_beside_a_single_best_claim_has_a_log_of_its_own(tmp_path):
    """The README's table may show further seeds than the one that is claimed."""
    best = min(SCORES, key=lambda seed: SCORES[seed])
    folder = record_folder(tmp_path, submission={"val_bpb": SCORES[best], "seed_results": ..., "seeds": [best]})
    result = check("log-consistency.table", folder)
    assert not any("without a log" in finding.sentence for finding in result.findings)
