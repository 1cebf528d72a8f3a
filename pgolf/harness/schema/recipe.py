"""A whole recipe. Everything a run does follows from it, the data and the seed."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Part
from pgolf.harness.schema.data import Data
from pgolf.harness.schema.evaluation import Evaluation
from pgolf.harness.schema.model import Model, Untied
from pgolf.harness.schema.optim import Optim
from pgolf.harness.schema.quant import Brotli, Gptq, Int8Rows, Zlib
from pgolf.harness.schema.train import Budgets, Ema, Hardware, Last, Train

TRACK_LIMITS = {"track_10min_16mb": {"train_seconds": 600, "eval_seconds": 600, "artifact_bytes": 16_000_000}}
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Author(Part):
    name: str
    github_id: str


class Recipe(Part):
    name: Name
    """Names the folders of runs and records."""
    title: Annotated[str, Field(pattern=r"^[^\r\n|]{1,120}$")]
    """One line for people."""
    track: Literal["track_10min_16mb", "track_non_record_16mb"]
    author: Author
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    data: Data
    model: Model
    train: Train
    optim: Optim
    average: Annotated[Ema | Last, Field(discriminator="kind")]
    quant: Annotated[Gptq | Int8Rows, Field(discriminator="kind")]
    codec: Annotated[Brotli | Zlib, Field(discriminator="kind")]
    evaluation: Evaluation
    budgets: Budgets
    hardware: Hardware

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} repeat: a seed counts once")
        part = self.hardware.logical_ranks * self.train.sequence_tokens
        if self.train.batch_tokens % part:
            raise ValueError(
                f"train.batch_tokens {self.train.batch_tokens} is not a multiple of hardware.logical_ranks * "
                f"train.sequence_tokens = {part}"
            )
        if isinstance(self.model.vocabulary, Untied) != (self.optim.head is not None):
            raise ValueError(
                f"optim.head is {'null' if self.optim.head is None else 'there'}, but model.vocabulary.kind is "
                f"{self.model.vocabulary.kind}: an untied vocabulary needs a head, a tied one has none"
            )
        if isinstance(self.quant, Gptq) and not self.budgets.calibration_reserve_seconds:
            raise ValueError(
                "budgets.calibration_reserve_seconds is 0, but quant.kind gptq calibrates on training time"
            )
        for name, limit in TRACK_LIMITS.get(self.track, {}).items():
            if (found := getattr(self.budgets, name)) > limit:
                raise ValueError(
                    f"budgets.{name} is {found}, over the {limit} of {self.track}: lower it, or set track: "
                    "track_non_record_16mb"
                )
        return self
