"""What stages say, typed: one class for every event, and the only reader of events.jsonl.

An event that is not declared here, or lacks a field, is an error: a number nobody can read is a number nobody checks.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pgolf.core.errors import StageError


class Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    time: float
    """Seconds since the epoch."""
    rank: int


class Settings(Event):
    event: Literal["settings"]
    seed: int
    world_size: int
    text: str


class DataFound(Event):
    event: Literal["data"]
    train_shards: int


class Validation(Event):
    event: Literal["validation"]
    val_tokens: int


class ModelBuilt(Event):
    event: Literal["model"]
    parameters: int


class Clock(Event):
    """A timed phase begins."""

    event: Literal["clock"]
    phase: Literal["train", "calibrate", "evaluate", "diagnose"]
    limit_seconds: float


class WarmupStep(Event):
    event: Literal["warmup_step"]
    step: int
    steps: int
    phase: int


class Progress(Event):
    """For the console only."""

    event: Literal["progress"]
    stage: Literal["train", "evaluate"]
    done: int
    total: int | None = None
    seconds: float | None = None
    loss_nats_per_token: float | None = None


class TrainStep(Event):
    event: Literal["train_step"]
    step: int
    steps: int
    loss_nats_per_token: float
    seconds: float
    tokens_per_second: float


class Loop(Event):
    event: Literal["loop"]
    step: int
    fraction: float
    encoder: list[int]
    decoder: list[int]


class TrainEnd(Event):
    event: Literal["train_end"]
    reason: Literal["stopping_early: wallclock_cap", "finished: max_steps"]
    seconds: float
    step: int
    steps: int


class Averaged(Event):
    """The weights are now the mean of so many snapshots (of fewer than two: the last ones)."""

    event: Literal["averaged"]
    snapshots: int
    first_step: int


class Memory(Event):
    event: Literal["memory"]
    gpu_mib: int
    gpu_reserved_mib: int
    host_mib: int


class Weights(Event):
    event: Literal["weights"]
    weights_bytes: int


class Calibrated(Event):
    event: Literal["calibrated"]
    hessians: int
    seconds: float


class Bits(Event):
    """Which matrices a ranking gives other bits than the rest."""

    event: Literal["bits"]
    text: str


class Quantized(Event):
    event: Literal["quantized"]
    payload_bytes: int
    seconds: float
    text: str


class Packaged(Event):
    event: Literal["packaged"]
    codec: str
    code_bytes: int
    model_bytes: int
    total_bytes: int
    seconds: float


class GlobalSgd(Event):
    """In a pause of the evaluation the weights have learned from scored documents."""

    event: Literal["global_sgd"]
    phase: int
    phases: int
    scored_documents: int
    documents: int
    """The shortest of them, which were learned from."""
    steps: int
    seconds: float


class Score(Event):
    event: Literal["score"]
    label: str
    phase: Literal["evaluate", "diagnose"]
    seconds: float
    val_loss: float
    """Nats per token."""
    val_bpb: float
    nats: float
    tokens: int
    bytes: int


class Ledger(Event):
    event: Literal["ledger"]
    sha256: str


class Failure(Event):
    event: Literal["error"]
    message: str
    code: int


AnyEvent = (
    Settings | DataFound | Validation | ModelBuilt | Clock | WarmupStep | Progress | TrainStep | Loop | TrainEnd | Averaged | Memory
    | Weights | Calibrated | Bits | Quantized | Packaged | GlobalSgd | Score | Ledger | Failure
)  # fmt: skip
READER: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])


def parse(line: str) -> AnyEvent:
    try:
        return READER.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        raise StageError(f"the script sent an event that pgolf does not know ({first['msg']}): {line[:200]}") from None


class Tail:
    """Reads a growing events.jsonl, whole lines only."""

    def __init__(self, path: Path):
        self.path, self.at = path, 0

    def new(self) -> list[AnyEvent]:
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.at += len(whole)
        return [parse(line) for line in whole.decode(errors="replace").splitlines()]


def read(path: Path) -> list[AnyEvent]:
    return Tail(path).new()
