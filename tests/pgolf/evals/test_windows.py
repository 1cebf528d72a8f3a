"""Scoring a stream: by rules that can be checked by hand, and against the published evaluations."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core import ranks
from pgolf.data.bytes.pieces import target_bytes
from pgolf.evals import blocks, sliding
from pgolf.evals.windows import score_plan
from tests.golden.load import assert_within, below, settings, tensors, tolerance
from tests.recipes import build_model, fill, model_cfg, published_model_cfg, quick, random_model, stand_for, tree

FILE = "evaluation"
SETTINGS = settings(FILE)
COLUMNS = SETTINGS.columns


@st.composite
def streams(draw):
    window = draw(st.integers(1, 12))
    cfg = tree(window=window, stride=draw(st.integers(1, window)))
    method = draw(st.sampled_from([blocks, sliding]))
    return method, cfg, draw(st.integers(1, 80)), draw(st.integers(1, 5)), draw(st.integers(1, 4))


def scored(stream, monkeypatch, rule):
    """Losses that `rule(ids, targets)` gives to random tokens, as the ranks of the stream's world commit them."""
    method, cfg, targets, size, world = stream
    tokens = np.random.default_rng(targets).integers(0, 1000, targets + 1).astype(np.uint16)
    ranks.device()
    losses = []
    for rank in range(world):
        stand_for(monkeypatch, rank, world)
        ledger = score_plan(rule, tokens, np.zeros(targets, np.int16), method.plan(cfg, targets), cfg.window, size)
        assert ledger.next == ledger.stop
        losses.append(ledger.nats_N)
    return np.concatenate(losses), tokens


@quick
@given(streams())
def test_every_target_gets_its_own_loss_whatever_the_window_batch_and_ranks(stream):
    with pytest.MonkeyPatch.context() as monkeypatch:
        losses, tokens = scored(stream, monkeypatch, lambda ids, targets: targets.float())
    assert np.array_equal(losses, tokens[1:].astype(np.float32))


@quick
@given(streams())
def test_the_last_token_a_loss_may_depend_on_is_the_one_before_its_target(stream):
    with pytest.MonkeyPatch.context() as monkeypatch:
        losses, tokens = scored(stream, monkeypatch, lambda ids, targets: ids[:, -targets.size(1) :].float())
    assert np.array_equal(losses, tokens[:-1].astype(np.float32))


@quick
@given(streams())
def test_a_loss_depends_on_the_window_of_its_plan_and_on_nothing_else(stream):
    """The rule sums what is read up to the target; the plan says where reading begins."""
    method, cfg, targets, *_ = stream

    def read_so_far(ids, targets_BK):
        return ids.cumsum(1)[:, -targets_BK.size(1) :].float()

    with pytest.MonkeyPatch.context() as monkeypatch:
        losses, tokens = scored(stream, monkeypatch, read_so_far)
    expected = [
        tokens[begin : target + 1].astype(int).sum()
        for begin, first, stop in method.plan(cfg, targets)
        for target in range(first, stop)
    ]
    assert losses.tolist() == expected


@quick
@given(streams())
def test_a_batch_is_no_larger_than_asked_and_always_as_long_as_the_window(stream):
    _, cfg, _, size, _ = stream
    shapes = []

    def rule(ids, targets):
        shapes.append(tuple(ids.shape))
        return targets.float()

    with pytest.MonkeyPatch.context() as monkeypatch:
        scored(stream, monkeypatch, rule)
    assert max(rows for rows, _ in shapes) <= size
    assert {length for _, length in shapes} == {cfg.window}


def test_the_size_of_a_batch_does_not_change_the_losses_of_a_model():
    model = random_model(model_cfg())
    tokens = np.random.default_rng(0).integers(0, 48, 100).astype(np.uint16)
    plan = sliding.plan(tree(window=16, stride=4), 99)
    few, many = (score_plan(model, tokens, np.zeros(99, np.int16), plan, 16, size).nats_N for size in (1, 32))
    torch.testing.assert_close(torch.from_numpy(few), torch.from_numpy(many), rtol=0, atol=1e-5)


def test_scoring_changes_no_weight_and_leaves_no_gradient():
    model = random_model(model_cfg())
    before = [p.detach().clone() for p in model.parameters()]
    tokens = np.arange(40, dtype=np.uint16)
    score_plan(model, tokens, np.zeros(39, np.int16), blocks.plan(tree(window=8), 39), 8, 3)
    assert all(torch.equal(p, old) and p.grad is None for p, old in zip(model.parameters(), before, strict=True))


@pytest.fixture(scope="module")
def golden():
    return tensors(FILE)


def tiny(dtype, phase):
    model_settings, state = settings("gpt_sp8192_tiny"), below("state", tensors("gpt_sp8192_tiny"))
    model = fill(build_model(published_model_cfg(model_settings), dtype), state)
    model.phase = ["plain", "loop"].index(phase)
    return model


def evaluated(golden, model, method, targets):
    tokens = golden["tokens"].numpy()[: targets + 1]
    tables = [golden[f"lut.{name}"].numpy() for name in ("base_bytes", "has_leading_space", "is_boundary")]
    cfg = tree(window=SETTINGS.eval_seq_len, stride=SETTINGS.eval_stride)
    size = 5 if method is blocks else 7
    assert SETTINGS.batches.startswith("5 sequences for eval_val, 7 windows")
    return score_plan(model, tokens, target_bytes(tables, tokens), method.plan(cfg, targets), cfg.window, size)


def compare(totals, expected, key, file=FILE):
    names = ["val_loss", "val_bpb", "nats", "tokens", "bytes"]
    found = dict(zip(COLUMNS, (totals[name] for name in names), strict=True))
    assert COLUMNS == ["val_loss", "val_bpb", "loss_sum", "token_count", "byte_count"]
    assert [found["token_count"], found["byte_count"]] == expected[3:].tolist()
    assert_within(torch.tensor([found["val_loss"], found["val_bpb"]]), expected[:2], **tolerance(file, key))
    assert_within(found["loss_sum"] / found["token_count"], expected[2] / expected[3], **tolerance(file, key))


CASES = [(blocks, "eval_val", SETTINGS.targets)] + [
    (sliding, f"sliding{targets}", targets) for targets in (SETTINGS.targets, *SETTINGS.tails)
]


def test_there_are_four_published_evaluations_in_two_phases_and_two_types():
    assert [name for _, name, _ in CASES] == ["eval_val", "sliding992", "sliding987", "sliding27"]


@pytest.mark.parametrize("case", CASES, ids=[name for _, name, _ in CASES])
@pytest.mark.parametrize("phase", ["plain", "loop"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_and_counts_are_the_published_ones(golden, case, phase, dtype):
    method, name, targets = case
    key = {torch.float32: "float32", torch.bfloat16: "bf16"}[dtype]
    totals = evaluated(golden, tiny(dtype, phase), method, targets).totals()
    compare(totals, golden[f"{key}.{phase}.{name}"], key)


@pytest.mark.parametrize(("method", "name", "targets"), [CASES[0], CASES[2]])
def test_each_of_three_ranks_scores_what_the_published_one_scores(golden, monkeypatch, method, name, targets):
    model = tiny(torch.float32, "plain")
    ranks.device()
    for rank in range(3):
        stand_for(monkeypatch, rank, 3)
        ledger = evaluated(golden, model, method, targets)
        loss_sum, tokens, count = golden[f"float32.plain.{name}.w3r{rank}"].tolist()
        assert len(ledger.nats_N) == tokens
        assert ledger.bytes_N[ledger.start : ledger.stop].sum() == count
        mean = ledger.nats_N.sum(dtype=np.float64) / tokens
        assert mean == pytest.approx(loss_sum / tokens, abs=tolerance(FILE, "float32")["atol"])


def test_the_baselines_evaluation_is_the_published_one():
    file = "naive_baseline"
    s, stored = settings(file), tensors(file)
    model = fill(build_model(published_model_cfg(s)), below("state", stored))
    tables = [stored[f"lut.{name}"].numpy() for name in ("base_bytes", "has_leading_space", "is_boundary")]
    tokens = stored["tokens"].numpy()
    assert s.eval_batch.startswith("4 sequences")
    plan = blocks.plan(tree(window=s.eval_seq_len), len(tokens) - 1)
    totals = score_plan(model, tokens, target_bytes(tables, tokens), plan, s.eval_seq_len, 4).totals()
    assert s.columns == COLUMNS
    compare(totals, stored["eval_val"], "eval_val", file)
    assert totals["val_bpb"] == pytest.approx(totals["nats"] / math.log(2) / totals["bytes"])
