"""Fits and codecs with several streams, through every stage of a run."""

import json

import pytest

from tests.command import finished, micro

GPTQ = "calibration_batches: 2, damping: 0.01, block: 128, keep_elements: 1000"
CLIP = (
    f"inner: {{kind: gptq, {GPTQ}, matrix: {{bits: 6, clip_sigmas: 12.85}}, embedding: {{bits: 8, clip_sigmas: 20.0}}}}"
)
BITS = f"inner: {{kind: gptq_search, {GPTQ}, clip_quantiles: [0.999, 1.0], int5_matrices: 1, row_quantile: 0.9999984}}"
XZ = "{kind: xz, preset: 6, extreme: false, shuffle: 1}"
GROUPED = f"codec={{kind: grouped, matrices: {XZ}, rest: {XZ}, sort: [tok_emb, mlp.fc]}}"
CODED = f"codec={{kind: constriction, symbols: {{kind: table}}, rest: {XZ}}}"


def quant(kind, limit, slack, rest):
    return f"quant={{kind: {kind}, artifact_bytes: {limit}, slack_bytes: {slack}, packs: 6, {rest}}}"


@pytest.mark.parametrize(
    ("kind", "rest", "codec", "limit", "slack"),
    [
        ("fit_clip", f"scale_range: [0.5, 2.0], {CLIP}", GROUPED, 100_000, 500),
        ("fit_bits", BITS, CODED, 58_000, 0),
    ],
)
def test_a_run_ends_just_under_the_limit_it_was_given(kind, rest, codec, limit, slack, demo_dir, tmp_path):
    done = finished(micro("run", demo_dir, tmp_path, quant(kind, limit, slack, rest), codec))
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "runs" / "smoke" / "1" / "run.json").read_text())
    log = (tmp_path / "runs" / "smoke" / "1" / "2_quantize" / "log.txt").read_text()
    assert limit - (slack or 4000) <= run["bytes"]["total"] <= limit
    assert f": {run['bytes']['total']} of {limit} bytes" in log
    assert run["scores"]["final"]["val_bpb"] == pytest.approx(run["scores"]["prequant"]["val_bpb"], abs=0.2)
