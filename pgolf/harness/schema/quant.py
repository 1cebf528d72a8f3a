"""How weights become integers, and integers become bytes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pgolf.harness.schema.base import Count, Part, Positive, WholeNumber


class Grid(Part):
    bits: Annotated[int, Field(ge=2, le=8)]
    clip_sigmas: Positive
    """The grid ends at so many standard deviations of a row; it sets the step, and with it the bytes."""


class Gptq(Part):
    """Error-compensated rounding with a Hessian from training data, steps by SDClip."""

    slot: ClassVar[str] = "quant"
    kind: Literal["gptq"]
    calibration_batches: Count
    """Micro-batches of logical rank 0."""
    damping: Positive
    """Part of the mean diagonal that is added to the diagonal."""
    block: Count
    keep_elements: WholeNumber
    """Tensors of at most so many elements stay float16."""
    matrix: Grid
    embedding: Grid


class Int8Rows(Part):
    """int8 with a step per row, clipped at a quantile (the baseline)."""

    slot: ClassVar[str] = "quant"
    kind: Literal["int8_rows"]
    clip_quantile: Annotated[float, Field(gt=0, le=1)]
    keep_elements: WholeNumber


class Codec(Part):
    slot: ClassVar[str] = "codec"
    shuffle: Annotated[int, Field(ge=1, le=255)]
    """Stride of the byte shuffle before compression; 1: none."""


class Brotli(Codec):
    kind: Literal["brotli"]
    quality: Annotated[int, Field(ge=0, le=11)]
    window_bits: Annotated[int, Field(ge=10, le=24)]


class Zlib(Codec):
    kind: Literal["zlib"]
    level: Annotated[int, Field(ge=0, le=9)]
