"""Typed events: each is one JSON line for programs and, where it has a format, one line of the log for people.

The log lines are those that the challenge's readers parse (dialect of parameter-golf PR 1394). An event's name and line
are one constant, so no number can be in the log that is not in the events. Only rank 0 speaks, except for errors.
"""

import json
import os
import time

from pgolf.core.run import RANK

SETTINGS = "settings", "Hyperparameters:\n{text}"
DATA = "data", "train_shards: {train_shards}"
VALIDATION = "validation", "val_tokens: {val_tokens}"
MODEL = "model", "model_params:{parameters}"
CLOCK = "clock", ""
RESERVE = "reserve", "gptq:reserving {reserve_seconds:.0f}s, effective={cap_ms:.0f}ms"
WARMUP_STEP = "warmup_step", "warmup_step: {step}/{steps}"
PROGRESS = "progress", ""
TRAIN_STEP = (
    "train_step",
    "{step}/{steps} train_loss: {loss_nats_per_token:.4f} train_time: {minutes:.1f}m tok/s: {tokens_per_second:.0f}",
)
LOOP = "loop", "layer_loop:enabled step:{step} frac:{fraction:.3f} encoder:{encoder} decoder:{decoder}"
TRAIN_END = "train_end", "stopping_early: {reason} train_time: {milliseconds:.0f}ms step: {step}/{steps}"
MEMORY = "memory", "peak memory allocated: {gpu_mib} MiB reserved: {gpu_reserved_mib} MiB host: {host_mib} MiB"
AVERAGED = "averaged", "{kind}:applying {kind} weights"
WEIGHTS = "weights", "Serialized model: {weights_bytes} bytes"
CALIBRATED = "calibrated", "GPTQ:collected {hessians} Hessians in {seconds:.1f}s"
QUANTIZED = "quantized", "Quantized weights:\n{text}"
CODE = "code", "Code size: {code_bytes} bytes"
PACKAGED = (
    "packaged",
    "Serialized model quantized+{codec}: {model_bytes} bytes\nTotal submission size quantized+{codec}: {total_bytes} bytes",
)
SCORE = "score", "{label} val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f} eval_time:{milliseconds:.0f}ms"
LEDGER = "ledger", ""
ERROR = "error", "error: {message}"


def event(kind: tuple[str, str], **fields) -> None:
    """Print the log line; append the fields to the file named by PGOLF_EVENTS when that is set."""
    name, line = kind
    if RANK and kind is not ERROR:
        return
    path = os.environ.get("PGOLF_EVENTS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"event": name, "time": time.time(), "rank": RANK, **fields}) + "\n")
    if line:
        print(line.format(**fields), flush=True)
