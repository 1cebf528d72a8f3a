"""PR 162's sliding evaluation, which scores the end of the stream several times, and ours, which does not."""

import numpy as np
import pytest
import torch

from pgolf.data.bytes.pieces import target_bytes
from pgolf.evals import blocks, sliding
from pgolf.evals.windows import score_plan
from tests.golden.load import assert_close, below, settings, tensors
from tests.recipes import build_model, fill, published_model_cfg, tree

FILE = "pr162"
SETTINGS = settings(FILE)
L, S, N = SETTINGS.eval.seq, SETTINGS.eval.stride, SETTINGS.eval.targets


@pytest.fixture(scope="module")
def golden():
    return tensors(FILE)


def ledger(golden, method):
    model = fill(build_model(published_model_cfg(SETTINGS)), below("state", golden))
    tokens = golden["tokens"].numpy()
    tables = [golden[f"lut.{name}"].numpy() for name in ("base_bytes", "has_leading_space", "is_boundary")]
    plan = method.plan(tree(window=L, stride=S), len(tokens) - 1)
    return model, tokens, score_plan(model, tokens, target_bytes(tables, tokens), plan, L, SETTINGS.eval.batch)


def test_the_published_sums_are_those_of_our_ledger_and_of_the_targets_scored_again(golden):
    """The published windows begin at every stride, are cut off at the end, and each scores its last `stride` targets."""
    model, tokens, own = ledger(golden, sliding)
    assert len(own.nats_N) == own.totals()["tokens"] == N
    ids = torch.from_numpy(tokens.astype(np.int64))
    seen = np.zeros(N, bool)
    nats, count, bytes_ = own.nats_N.sum(dtype=np.float64), N, own.bytes_N.sum(dtype=np.int64)
    again = 0
    for begin in range(0, N, S):
        stop = min(begin + L, N)
        first = begin if begin == 0 else max(begin, stop - S)
        repeated = np.arange(first, stop)[seen[first:stop]]
        seen[first:stop] = True
        if len(repeated):
            with torch.no_grad():
                cut = model(ids[None, begin:stop], ids[None, begin + 1 : stop + 1])[0].double().numpy()
            nats += cut[repeated - begin].sum()
            bytes_ += own.bytes_N[repeated].sum(dtype=np.int64)
            again += len(repeated)
    assert seen.all()
    count += again
    assert again == 24  # of 203 targets; 1,984 of 62 million at full size
    val_loss = nats / count
    found = {"val_loss": val_loss, "val_bpb": val_loss / np.log(2) * count / bytes_, "loss_sum": nats}
    found |= {"token_count": count, "byte_count": bytes_}
    published = dict(zip(SETTINGS.columns, golden["sliding"].tolist(), strict=True))
    assert (found["token_count"], found["byte_count"]) == (published["token_count"], published["byte_count"])
    for name in ("val_loss", "val_bpb"):
        assert_close(found[name], torch.tensor(published[name]), FILE, "sliding")
    assert found["loss_sum"] == pytest.approx(published["loss_sum"], abs=1e-5 * count)


def test_our_score_counts_every_target_and_byte_once(golden):
    """As back-to-back windows do."""
    _, _, own = ledger(golden, sliding)
    _, _, flat = ledger(golden, blocks)
    mine, back_to_back = own.totals(), flat.totals()
    assert (mine["tokens"], mine["bytes"]) == (N, back_to_back["bytes"])
    assert mine["tokens"] < golden["sliding"][3]


def test_the_full_split_has_969_057_windows_that_score_every_target_once():
    plan = sliding.plan(tree(window=2048, stride=64), 62_021_632)
    assert len(plan) == 969_057
    assert (plan[0].tolist(), plan[-1, 2]) == ([0, 0, 2048], 62_021_632)
    assert np.array_equal(plan[1:, 1], plan[:-1, 2])
