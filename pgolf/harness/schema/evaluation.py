"""How the validation stream is scored."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Count, Part


class Blocks(Part):
    """Back-to-back windows."""

    slot: ClassVar[str] = "evals"
    kind: Literal["blocks"]
    window: Count
    """Tokens."""
    batch_windows: Count


class Sliding(Part):
    """Overlapping windows; each scores its last `stride` targets, the first all of its own."""

    slot: ClassVar[str] = "evals"
    kind: Literal["sliding"]
    window: Count
    """Tokens."""
    stride: Count
    """Tokens."""
    batch_windows: Count

    @model_validator(mode="after")
    def overlaps(self) -> Self:
        if self.stride > self.window:
            raise ValueError(f"stride {self.stride} is over window {self.window}: tokens between would not be scored")
        return self


class Evaluation(Part):
    score: Annotated[Blocks | Sliding, Field(discriminator="kind")]
    """The pass whose result is the score."""
    diagnostic: Annotated[Blocks, Field(discriminator="kind")]
    """The pass that tells what quantisation costs; never the score."""
