"""Quantize: weights.pt -> weights.q, the integers and scales as one string of bytes. Calibrates on training data only.

Calibration reads training data, so its time counts as training time; rounding and packing read none.
"""

import time
from collections.abc import Iterator

import torch

from pgolf.core import ranks, run
from pgolf.core.events import event
from pgolf.core.files import write_whole
from pgolf.core.load import load
from pgolf.quant import payload
from pgolf.stages.train import make_loader, to_device
from pgolf.stages.weights import trained


def calibration_batches(cfg) -> Iterator[torch.Tensor]:
    """The token ids (B, T) that logical rank 0 saw in its first training steps."""
    loader = make_loader(cfg, cfg.data.calibration)
    sequences = cfg.train.batch_tokens // (cfg.hardware.logical_ranks * cfg.train.sequence_tokens)
    while True:
        yield to_device(loader.next_batch(0, sequences)[0])[:, :-1]


def run_stage(cfg) -> None:
    model = trained(cfg)
    quantizer = load("quant", cfg.quant)
    ranks.synchronize()
    event("clock", phase="calibrate", limit_seconds=cfg.budgets.train_seconds)
    start = time.perf_counter()
    hessians = quantizer.calibrate(cfg.quant, model, calibration_batches(cfg))
    ranks.synchronize()
    event("calibrated", hessians=len(hessians), seconds=time.perf_counter() - start)
    torch.set_float32_matmul_precision("highest")  # GPTQ carries errors of a rounding step; TF32 would add its own
    if run.RANK == 0:
        layout = quantizer.storage.layout(quantizer, cfg.quant, model)
        stored = quantizer.storage.quantize(quantizer, cfg.quant, model, hessians, cfg.codec)
        data = payload.to_bytes(stored, layout)
        write_whole(run.QUANTIZED, payload.describe(layout) + b"\n" + data)
        event(
            "quantized",
            payload_bytes=len(data),
            seconds=time.perf_counter() - start,
            text=quantizer.storage.describe(quantizer, cfg.quant, model),
        )
