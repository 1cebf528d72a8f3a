"""Package: weights.q -> model.bin, the artifact. Sees no data; counts what is judged: this script and the model."""

import sys
import time
from pathlib import Path

from pgolf.codec import artifact
from pgolf.core import run
from pgolf.core.events import event
from pgolf.core.files import write_whole


def run_stage(cfg) -> None:
    if run.RANK:
        return
    start = time.perf_counter()
    blob = artifact.pack(cfg.codec, *run.needed(run.QUANTIZED).read_bytes().split(b"\n", 1))
    write_whole(run.MODEL, blob)
    code_bytes = Path(sys.argv[0]).stat().st_size
    event(
        "packaged",
        codec=cfg.codec.kind,
        code_bytes=code_bytes,
        model_bytes=len(blob),
        total_bytes=code_bytes + len(blob),
        seconds=time.perf_counter() - start,
    )
