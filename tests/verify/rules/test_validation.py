"""What text a score is about: implied bytes, token counts, documents, shards."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.folders import SCRIPT, VAL_BYTES, record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of
from verify.facts import validation

SEEDS = (42, 314, 999)


def all_logs(change):
    return {f"train_seed{seed}.log": change for seed in SEEDS}


@pytest.mark.parametrize(
    ("tokens", "megabytes", "status"),
    [
        (40_540_160, 151.080, PASS),
        (40_540_160, 151.024, PASS),  # a long window drops a tail
        (62_021_632, 151.080, PASS),
        (62_017_536, 151.066, PASS),  # windows of 6,144
        (36_286_464, 151.100, PASS),  # another tokenizer, all of the text
        (40_540_160, 176.333, FAIL),  # a leading space counted twice
        (62_021_632, 157.320, FAIL),
        (45_514_752, 192.600, FAIL),  # tokens and tokenizer of two data sets
        (62_021_632, 195.820, FAIL),  # the ratio of CaseOps with the tokens of sp1024
    ],
)
def test_the_bytes_that_loss_and_bpb_imply_are_those_of_the_split(tmp_path, tokens, megabytes, status):
    folder = record_folder(tmp_path, val_tokens=tokens, val_bytes=int(1e6 * megabytes))
    result = check("bpb-bytes.implied", folder)
    assert result.status is status
    if status is FAIL:
        assert worst_of(result).measured["implied_bytes"] == pytest.approx(1e6 * megabytes, rel=1e-5)


def test_a_claim_put_right_by_hand_is_a_warning(tmp_path):
    right = {seed: 1.0541 + 0.0001 * index for index, seed in enumerate(SEEDS)}
    wrong = {seed: {"val_bpb": bpb * 151.08 / 164.59, "val_bytes": 164_590_000} for seed, bpb in right.items()}
    claims = {"val_bpb": 1.0542, "val_bpb_std": 0.0001, "val_loss": ...}
    claims["seed_results"] = {str(seed): {"val_bpb": bpb} for seed, bpb in right.items()}
    folder = record_folder(tmp_path, per_seed=wrong, submission=claims, without=["README.md"])
    assert check("bpb-bytes.implied", folder).status is WARN


MIXING = "\n\ndef mixture_bpb(nll, ppm):\n    return 0.5 * nll + 0.5 * ppm\n"


@pytest.mark.parametrize(
    ("lines", "more", "status"),
    [
        (1, MIXING, UNPROVEN),
        (1, "", FAIL),  # nothing is mixed: this pass counts in its own way
        (99, MIXING, FAIL),  # every score of the run is off
    ],
    ids=["mixture", "no mixture", "all scores"],
)
def test_the_loss_beside_the_bpb_of_a_mixture_may_be_that_of_the_network(tmp_path, lines, more, status):
    def other_loss(text):
        head, *parts = text.rsplit(" val_loss:", lines)
        return head + "".join(f" val_loss:{1.15 * float(part[:10]):.8f}{part[10:]}" for part in parts)

    folder = record_folder(tmp_path, script=SCRIPT + more, edit=all_logs(other_loss))
    assert check("bpb-bytes.implied", folder).status is status


def test_without_a_loss_the_bytes_are_a_lead_at_most(tmp_path):
    def without_loss(text):
        lines = text.splitlines(keepends=True)
        return "".join(line.replace("val_loss", "x") if "val_loss" in line else line for line in lines)

    folder = record_folder(tmp_path, edit=all_logs(without_loss), submission={"val_loss": 1.9})
    finding = worst_of(check("bpb-bytes.implied", folder))
    assert finding.lead
    assert finding.probe


@pytest.mark.parametrize(
    ("tokens", "megabytes", "status"),
    [
        (40_540_160, 151.08, PASS),
        (40_529_920, 151.04, PASS),  # windows of 10,240
        (36_286_464, 151.10, PASS),
        (40_400_000, 150.558, UNPROVEN),  # 0.3 % are missing: a lead
        (9_662_464, 30.50, FAIL),  # the first 10,000 documents
        (36_562_944, 136.25, FAIL),
        (20_000_000, 74.53, FAIL),  # half of sp8192: its ratio shows it
    ],
)
def test_the_whole_split_is_scored(tmp_path, tokens, megabytes, status):
    folder = record_folder(tmp_path, val_tokens=tokens, val_bytes=int(1e6 * megabytes))
    assert check("val-identity.tokens", folder).status is status


@pytest.mark.parametrize(("documents", "status"), [(50_000, PASS), (49_999, PASS), (10_000, FAIL)])
def test_fifty_thousand_documents_are_scored(tmp_path, documents, status):
    line = f"ttt_phased: total_docs:{documents} prefix_docs:2000 suffix_docs:8000 num_phases:3 boundaries:[666]\n"
    folder = record_folder(tmp_path, edit=all_logs(lambda text: text.replace("ttt:start", line + "ttt:start")))
    assert check("val-identity.documents", folder).status is status


def test_the_shard_count_of_a_leaking_local_export_is_a_lead_and_no_proof(tmp_path):
    finding = worst_of(check("val-identity.train-shards", record_folder(tmp_path, train_shards=1499)))
    assert finding.lead
    assert finding.probe == "disjointness"


@pytest.mark.parametrize("shards", [20, 25, 39, 80, 128, 143, 180, 240])
def test_any_other_number_of_shards_is_fine(tmp_path, shards):
    assert check("val-identity.train-shards", record_folder(tmp_path, train_shards=shards)).status is PASS


def test_an_unknown_tokenizer_has_to_give_its_text_back(tmp_path):
    folder = record_folder(tmp_path, val_tokens=36_286_464, val_bytes=151_100_000)
    assert worst_of(check("tokenizer.known", folder)).lead
    assert check("tokenizer.known", record_folder(tmp_path / "b")).status is PASS


@given(tokens=st.integers(1_000_000, 100_000_000), bpb=st.floats(0.5, 4), count=st.floats(5e7, 3e8))
def test_loss_and_bpb_give_back_the_bytes_they_were_made_from(tokens, bpb, count):
    loss = bpb * math.log(2) * count / tokens
    ratio = validation.bytes_per_token(loss, bpb)
    assert ratio is not None
    assert tokens * ratio == pytest.approx(count, rel=1e-9)
    assert validation.share_off(tokens, ratio) == pytest.approx(count / validation.data()["bytes"] - 1, abs=1e-9)


@pytest.mark.parametrize(("loss", "bpb"), [(None, 1), (1, None), (0, 1), (1, 0), (math.nan, 1), (1, math.inf), (-1, 1)])
def test_what_is_no_score_implies_nothing(loss, bpb):
    assert validation.bytes_per_token(loss, bpb) is None


def test_every_known_export_is_the_same_text_but_the_launch_day_s():
    sets = validation.known_sets()
    assert len(sets) >= 6
    for known in sets:
        off = abs(known.tokens * known.bytes_per_token / VAL_BYTES - 1)
        assert off > 0.03 if known.old else off < 2e-4
