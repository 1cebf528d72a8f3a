"""Which runs stand behind a claim, which score is meant, and when numbers agree."""

from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.logs.written import Written, read
from verify.logs.claims import claim_of
from verify.logs.names import seed_in_name
from verify.logs.scores import decimals_of, equal
from verify.submission.model import Metadata, Readme, SeedClaim, Submission

BPB = {0: 1.07258208, 42: 1.07324696, 1234: 1.07426259}


def submission(metadata: Metadata | None = None, readme: Readme | None = None) -> Submission:
    return Submission(
        tree=None,  # type: ignore[arg-type]
        files=(),
        track="10min",
        readme=readme or Readme(),
        metadata=metadata or Metadata(file="submission.json"),
        scripts=(),
        main=None,
        logs=(),
        requirements={},
        tokenizers=(),
        helpers=(),
        problems=(),
    )


def three_logs(bpb=BPB, **changes):
    return [
        read(Written(seed=seed, bpb=value, **changes).block(), f"train_seed{seed}.log") for seed, value in bpb.items()
    ]


def claimed(value: float, digits: int | None = None, **fields) -> Submission:
    return submission(
        Metadata(file="submission.json", val_bpb=value, val_bpb_digits=digits or decimals_of(value), **fields)
    )


def roles(claim) -> dict[str, str]:
    return {result.run.file: result.role for result in claim.results}


def test_a_mean_of_all_seeds_is_found():
    claim = claim_of(claimed(round(fmean(BPB.values()), 5)), three_logs())
    assert (claim.statistic, claim.matches, len(claim.claimed)) == ("mean", True, 3)
    assert claim.recomputed == pytest.approx(fmean(BPB.values()), abs=1e-12)
    assert claim.label == "quantized_ttt_phased"
    assert claim.scores() == sorted(BPB.values())
    assert claim.std_sample > claim.std_population > 0


def test_the_best_seed_in_the_place_of_the_mean_is_found():
    claim = claim_of(claimed(BPB[0]), three_logs())
    assert (claim.statistic, claim.matches) == ("best", True)
    assert roles(claim) == {
        "train_seed0.log": "claimed",
        "train_seed42.log": "support",
        "train_seed1234.log": "support",
    }


def test_another_seed_than_the_best_is_a_single_run():
    assert claim_of(claimed(BPB[42]), three_logs()).statistic == "single"


def test_one_log_is_a_single_run():
    claim = claim_of(claimed(1.0726), three_logs({0: 1.07258208}))
    assert (claim.statistic, claim.recomputed, claim.matches) == ("single", 1.07258208, True)


def test_the_mean_of_the_best_of_several_is_found():
    bpb = {seed: 1.08 + index / 1000 + index**2 / 7777 for index, seed in enumerate((1, 2, 3, 4, 5, 6, 7))}
    bpb = {seed: round(value, 8) for seed, value in bpb.items()}
    claim = claim_of(claimed(round(fmean(sorted(bpb.values())[:5]), 6)), three_logs(bpb))
    assert (claim.statistic, claim.matches, len(claim.claimed)) == ("best_of", True, 5)


def test_per_seed_claims_choose_the_runs():
    rows = tuple(SeedClaim(seed, val_bpb=round(BPB[seed], 5), digits=5) for seed in (0, 42))
    claim = claim_of(claimed(round(fmean([BPB[0], BPB[42]]), 5), seed_results=rows), three_logs())
    assert (claim.statistic, claim.matches) == ("mean", True)
    assert roles(claim)["train_seed1234.log"] == "support"


def test_a_claimed_score_above_a_decoy_is_the_one_that_is_meant():
    decoy = "final_int6_ttt val_loss:3.07421378 val_bpb:1.33603200 eval_time:405410ms\n"
    texts = {seed: Written(seed=seed, bpb=value).block("final_int6_sliding_window") for seed, value in BPB.items()}
    logs = [read(text + decoy, f"train_seed{seed}.log") for seed, text in texts.items()]
    claim = claim_of(claimed(round(fmean(BPB.values()), 8)), logs)
    assert (claim.matches, claim.label) == (True, "final_int6_sliding_window")


def test_copies_count_once_and_point_to_the_one_that_names_its_seed():
    logs = [*three_logs(), replace_file(three_logs()[0], "train.log")]
    claim = claim_of(claimed(round(fmean(BPB.values()), 6)), logs)
    assert claim.matches is True
    copy = next(result for result in claim.results if result.run.file == "train.log")
    assert (copy.role, copy.duplicate_of) == ("duplicate", "train_seed0.log")


def replace_file(log, path):
    for run in log.runs:
        run.file = path
    return replace(log, file=path)


def test_the_same_run_in_other_bytes_is_a_copy():
    text = Written(seed=0, bpb=BPB[0]).block()
    again = "\n".join(f"[2026-04-05 12:00:00] {line}" for line in text.split("\n"))
    claim = claim_of(claimed(BPB[0]), [read(text, "a_seed0.log"), read(again, "b.log")])
    assert roles(claim) == {"a_seed0.log": "claimed", "b.log": "duplicate"}


def test_scores_of_apart_evaluations_belong_to_the_training_runs_of_their_seeds():
    logs = three_logs({seed: value + 0.0005 for seed, value in BPB.items()})
    logs += [read(Written(seed=seed, bpb=value).evaluation(), f"ttt/seed_{seed}.log") for seed, value in BPB.items()]
    claim = claim_of(claimed(round(fmean(BPB.values()), 5)), logs)
    assert (claim.matches, claim.recomputed) == (True, pytest.approx(fmean(BPB.values())))
    assert [result.role for result in claim.results if result.run.kind == "eval_only"] == ["eval_only"] * 3
    trained = [result for result in claim.results if result.run.kind == "train"]
    assert {result.metric_run.file for result in trained} == {f"ttt/seed_{seed}.log" for seed in BPB}
    assert all(result.role == "claimed" for result in trained)


def test_several_seeds_in_one_file_are_several_results():
    text = "".join(Written(seed=seed, bpb=value).block() for seed, value in BPB.items())
    claim = claim_of(claimed(round(fmean(BPB.values()), 6)), [read(text, "all.log")])
    assert (claim.statistic, claim.matches, len(claim.claimed)) == ("mean", True, 3)


def test_of_several_runs_of_one_seed_in_a_file_the_last_is_read_unless_another_is_claimed():
    text = Written(bpb=1.11111111).block() + Written(bpb=1.22222222).block()
    assert claim_of(submission(), [read(text)]).results[0].metric.val_bpb == 1.22222222
    claim = claim_of(claimed(1.11111), [read(text)])
    assert claim.claimed[0].metric.val_bpb == 1.11111111


def test_a_number_near_the_logs_but_not_in_them_contradicts_them():
    rows = tuple(SeedClaim(seed, val_bpb=round(value - 0.0004, 5), digits=5) for seed, value in BPB.items())
    claim = claim_of(claimed(round(fmean(BPB.values()) - 0.0004, 5), seed_results=rows), three_logs())
    assert claim.matches is False
    assert claim.recomputed == pytest.approx(fmean(BPB.values()))


def test_a_headline_far_from_its_logs_contradicts_them_where_all_of_them_is_understood():
    rows = tuple(SeedClaim(seed, val_bpb=round(value - 0.014, 5), digits=5) for seed, value in BPB.items())
    metadata = claimed(round(fmean(BPB.values()) - 0.014, 5), seed_results=rows)
    assert claim_of(metadata, three_logs()).matches is False
    further = "new dialect, BPB => 1.05900000 !\n"
    unknown = [read(Written(seed=seed, bpb=value).block() + further, f"s{seed}.log") for seed, value in BPB.items()]
    assert claim_of(metadata, unknown).matches is None


def test_losses_may_agree_where_the_bytes_were_counted_in_another_way():
    logs = [
        read(Written(seed=seed, bpb=value - 0.08, loss=2.77 + seed / 1e5).block(), f"{seed}.log")
        for seed, value in BPB.items()
    ]
    rows = tuple(
        SeedClaim(seed, val_bpb=round(value, 5), val_loss=round(2.77 + seed / 1e5, 5), digits=5)
        for seed, value in BPB.items()
    )
    claim = claim_of(claimed(round(fmean(BPB.values()), 5), seed_results=rows), logs)
    assert (claim.matches, claim.loss_matches) == (False, True)
    rows = tuple(replace(row, val_loss=2.5) for row in rows)
    assert claim_of(claimed(round(fmean(BPB.values()), 5), seed_results=rows), logs).loss_matches is False


def test_a_claim_that_no_log_shows_is_not_matched_with_any_run():
    claim = claim_of(claimed(0.9123), three_logs({0: 1.07258208}))
    assert (claim.statistic, claim.recomputed, claim.matches) == (None, None, None)
    assert roles(claim) == {"train_seed0.log": "support"}


def test_missing_logs_leave_a_mean_unproven():
    rows = tuple(SeedClaim(seed, val_bpb=round(value, 4), digits=4) for seed, value in BPB.items())
    claim = claim_of(claimed(round(fmean(BPB.values()), 4), seed_results=rows), three_logs({0: 1.07258208}))
    assert (claim.matches, claim.recomputed) == (None, None)
    assert len(claim.claimed) == 1


def test_a_loss_field_that_holds_the_bits_per_byte_is_the_claim():
    of = submission(Metadata(file="submission.json", val_loss=1.07336), Readme(headline_bpb=1.07336, headline_digits=5))
    claim = claim_of(of, three_logs())
    assert (claim.value, claim.val_loss, claim.matches) == (1.07336, None, True)


def test_the_readme_speaks_where_there_is_no_json():
    claim = claim_of(submission(Metadata(), Readme(headline_bpb=1.0734, headline_digits=4)), three_logs())
    assert (claim.value, claim.statistic, claim.matches) == (1.0734, "mean", True)


def test_without_a_claim_nothing_is_claimed():
    claim = claim_of(submission(Metadata()), three_logs())
    assert set(roles(claim).values()) == {"unclaimed"}
    assert (claim.value, claim.matches) == (None, None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e9])
def test_a_claim_that_is_no_score_is_none(value):
    assert claim_of(submission(Metadata(file="submission.json", val_bpb=value)), three_logs()).value is None


def test_other_configurations_are_apart_and_other_seeds_support():
    logs = [*three_logs(), read(Written(seed=7, bpb=1.2, parameters=5_000_000).block(), "ablation.log")]
    claim = claim_of(claimed(BPB[0]), logs)
    assert roles(claim)["ablation.log"] == "aux"
    assert roles(claim)["train_seed42.log"] == "support"


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("train_seed1337.log", 1337), ("logs/train0.txt", 0), ("ttt_eval/seed_42.log", 42), ("log_10mins_seed-7.txt", 7),
        ("logs/p23_s1337.txt", 1337), ("train.log", None), ("train_v0.txt", None), ("train_byte260_4h.log", None),
        ("train_log_bpe_10min.txt", None), ("training_seeds.log", None), ("seed314/train.log", 314),
        ("seeds/seed7/train_seed42.log", 42), ("log_100k_steps.txt", None),
    ],
)  # fmt: skip
def test_seeds_are_read_from_names(name, seed):
    assert seed_in_name(name) == seed


@given(st.floats(0.5, 5), st.integers(3, 8))
def test_a_rounded_value_equals_its_number_and_one_unit_more_does_not(value, digits):
    assert equal(value, round(value, digits), digits)
    assert not equal(value, round(value, digits) + 1.01 * 10**-digits, digits)


@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 42]), max_size=5),
    st.one_of(st.none(), st.floats(allow_nan=True)),
    st.integers(0, 20),
)
def test_no_claim_makes_the_matching_raise(seeds, value, digits):
    rows = tuple(SeedClaim(seed, val_bpb=value, digits=digits) for seed in seeds)
    of = submission(
        Metadata(file="submission.json", val_bpb=value, val_bpb_digits=digits, seed_results=rows, seeds=tuple(seeds))
    )
    texts = [f"seed:{seed}\nquantized val_loss:nan val_bpb:1.{seed}\n" for seed in seeds]
    logs = [read(text, f"s{index}.log") for index, text in enumerate(texts)]
    claim_of(of, logs)
