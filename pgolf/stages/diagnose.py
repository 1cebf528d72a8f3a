"""Diagnose: what averaging and quantisation cost, in back-to-back windows. Nothing of it enters the score."""

from pgolf.stages.scoring import one_pass
from pgolf.stages.weights import packed, trained


def run_stage(cfg) -> None:
    how = cfg.evaluation.diagnostic
    one_pass(cfg, how, trained(cfg), f"pre-quantization post-{cfg.average.kind}", "diagnose")
    one_pass(cfg, how, packed(cfg), "quantized", "diagnose")
