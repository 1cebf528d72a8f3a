"""Typed events: each is one JSON line for programs and, when its name stands in LINES, one line of the log for people.

The log lines are those that the challenge's readers parse (dialect of parameter-golf PR 1394). Both are made from the same
fields, so no number can be in the log that is not in the events. Only rank 0 speaks, except for errors. The fields of every
event are declared in pgolf/harness/events.py, which refuses what it does not know.
"""

import json
import os
import time

from pgolf.core.run import RANK

LINES = {
    "settings": "Hyperparameters:\n{text}",
    "data": "train_shards: {train_shards}",
    "validation": "val_tokens: {val_tokens}",
    "model": "model_params:{parameters}",
    "warmup_step": "warmup_step: {step}/{steps}",
    "train_step": "{step}/{steps} train_loss: {loss_nats_per_token:.4f} train_time: {minutes:.1f}m tok/s: {tokens_per_second:.0f}",
    "loop": "layer_loop:enabled step:{step} frac:{fraction:.3f} encoder:{encoder} decoder:{decoder}",
    "train_end": "{reason} train_time: {ms:.0f}ms step: {step}/{steps}",
    "memory": "peak memory allocated: {gpu_mib} MiB reserved: {gpu_reserved_mib} MiB host: {host_mib} MiB",
    "weights": "Serialized model: {weights_bytes} bytes",
    "calibrated": "GPTQ:collected {hessians} Hessians in {seconds:.1f}s",
    "bits": "{text}",
    "quantized": "Quantized weights:\n{text}",
    "packaged": "Code size: {code_bytes} bytes\nSerialized model quantized+{codec}: {model_bytes} bytes\n"
    "Total submission size quantized+{codec}: {total_bytes} bytes",
    "score": "{label} val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f} eval_time:{ms:.0f}ms",
    "error": "error: {message}",
}


def event(name: str, **fields) -> None:
    """Print the log line; append the fields to the file named by PGOLF_EVENTS when that is set."""
    if RANK and name != "error":
        return
    path = os.environ.get("PGOLF_EVENTS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"event": name, "time": time.time(), "rank": RANK, **fields}) + "\n")
    seconds = fields.get("seconds", 0)
    if name in LINES:
        print(LINES[name].format(**fields, ms=1000 * seconds, minutes=seconds / 60), flush=True)
