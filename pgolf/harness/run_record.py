"""run.json: everything a seed's run says about itself, taken from its events and from clocks outside of it."""

from pathlib import Path
from typing import Any, TypeVar

from pgolf.core.errors import StageError
from pgolf.harness import atomic, events
from pgolf.harness.stage import STAGES

T = TypeVar("T", bound=events.Event)
FORMAT = 1


def one(found: list[events.AnyEvent], kind: type[T], **fields: Any) -> T:
    """The only event of a kind (and with these fields)."""
    match = [e for e in found if isinstance(e, kind) and all(getattr(e, k) == v for k, v in fields.items())]
    if len(match) != 1:
        raise StageError(f"expected one {kind.__name__} event {fields or ''}, found {len(match)}. Run the seed again.")
    return match[0]


def run_record(folder: Path, identity: dict[str, Any], digests: dict[str, str], variant: str) -> dict[str, Any]:
    """The record of the finished stages in `folder`."""
    stages = {s.name: atomic.read_json(folder / s.folder / "stage.json") for s in STAGES}
    said = {s.name: events.read(folder / s.folder / "events.jsonl") for s in STAGES}
    end = one(said["train"], events.TrainEnd)
    steps = [e for e in said["train"] if isinstance(e, events.TrainStep)]
    calibrated = one(said["quantize"], events.Calibrated)
    packaged = one(said["package"], events.Packaged)
    score = one(said["evaluate"], events.Score)
    before, after = (e for e in said["diagnose"] if isinstance(e, events.Score))
    return {
        "format": FORMAT,
        **identity,
        "machine": stages["train"]["machine"],
        "data": {"variant": variant, "sha256": digests},
        "parameters": one(said["train"], events.ModelBuilt).parameters,
        "train": {
            "steps": end.step,
            "seconds": end.seconds,
            "outside_seconds": outside(stages["train"]),
            "stopped_by": end.reason.split(": ")[1],
            "milliseconds_per_step": 1000 * end.seconds / max(end.step, 1),
            "curve": [[e.step, e.loss_nats_per_token, e.seconds] for e in steps],
        },
        "calibration": {
            "seconds": calibrated.seconds,
            "outside_seconds": outside(stages["quantize"]),
            "hessians": calibrated.hessians,
        },
        "bytes": {
            "code": packaged.code_bytes,
            "model": packaged.model_bytes,
            "total": packaged.total_bytes,
            "payload": one(said["quantize"], events.Quantized).payload_bytes,
            "weights": one(said["train"], events.Weights).weights_bytes,
        },
        "scores": {
            "prequant": measured(before),
            "quantized": measured(after),
            "final": measured(score)
            | {
                "outside_seconds": outside(stages["evaluate"]),
                "ledger_sha256": one(said["evaluate"], events.Ledger).sha256,
            },
        },
        "stages": {
            name: record | {"memory_mib": one(said[name], events.Memory).model_dump(exclude={"event", "time", "rank"})}
            for name, record in stages.items()
        },
    }


def outside(stage: dict[str, Any]) -> float:
    """Seconds of the only phase of a stage by the harness's clock."""
    (phase,) = stage["phases"]
    return phase["seconds"]


def measured(score: events.Score) -> dict[str, Any]:
    return score.model_dump(include={"label", "val_loss", "val_bpb", "nats", "tokens", "bytes", "seconds", "windows"})
