"""How long and on how much a run trains."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Count, Fraction, NotNegative, Part, WholeNumber


class Seconds(Part):
    """By the clock: until budgets.train_seconds less the calibration reserve, or `steps` steps."""

    kind: Literal["seconds"]
    steps: Count


class Steps(Part):
    """A fixed number of steps, whatever the time: replays a run on a slower machine."""

    kind: Literal["steps"]
    steps: Count


class Train(Part):
    stop: Annotated[Seconds | Steps, Field(discriminator="kind")]
    sequence_tokens: Count
    batch_tokens: Count
    """Tokens of one optimizer step over all GPUs."""
    warmup_steps: WholeNumber
    """Steps run before the clock starts, to compile; they leave no trace."""
    log_first_steps: WholeNumber
    log_every_steps: Count


class Average(Part):
    """Which weights are the result of training."""

    slot: ClassVar[str] = "average"


class Ema(Average):
    """Exponential moving average of all weights after every step."""

    kind: Literal["ema"]
    decay: Annotated[float, Field(gt=0, lt=1)]


class Swa(Average):
    """Mean of the weights after every so many steps, once the learning rate has come down."""

    kind: Literal["swa"]
    every_steps: Count
    below_multiplier: Fraction
    """At less than so much of the learning rate."""
    sum_dtype: Literal["float32", "parameter"]
    """parameter: each tensor is summed in its own type, so embeddings in bf16 (PR 162)."""


class Last(Average):
    """The last weights."""

    kind: Literal["last"]


class Budgets(Part):
    train_seconds: Annotated[float, Field(gt=0)]
    """Training and calibration together."""
    eval_seconds: Annotated[float, Field(gt=0)]
    artifact_bytes: Count
    """Script and model together."""
    calibration_reserve_seconds: NotNegative
    """Left of train_seconds for calibration."""

    @model_validator(mode="after")
    def leaves_time(self) -> Self:
        if self.calibration_reserve_seconds >= self.train_seconds:
            raise ValueError(
                f"calibration_reserve_seconds {self.calibration_reserve_seconds} leaves nothing of "
                f"train_seconds {self.train_seconds}"
            )
        return self


class Hardware(Part):
    world_size: Count
    """Processes, one a GPU (or on a CPU)."""
    logical_ranks: Count
    """Micro-batches of a step. Data order depends on this alone, not on world_size."""

    @model_validator(mode="after")
    def divides(self) -> Self:
        if self.logical_ranks % self.world_size:
            raise ValueError(f"world_size {self.world_size} does not divide logical_ranks {self.logical_ranks}")
        return self
