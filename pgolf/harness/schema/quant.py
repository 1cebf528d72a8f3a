"""How weights become integers, and integers become bytes."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Count, Part, Positive, WholeNumber


class Grid(Part):
    bits: Annotated[int, Field(ge=2, le=8)]
    clip_sigmas: Positive
    """The grid ends at so many standard deviations of a row; it sets the step, and with it the bytes."""


class GptqBase(Part):
    slot: ClassVar[str] = "quant"
    calibration_batches: Count
    """Micro-batches of logical rank 0."""
    damping: Positive
    """Part of the mean diagonal that is added to the diagonal."""
    block: Count
    keep_elements: WholeNumber
    """Tensors of at most so many elements stay float16."""


class Gptq(GptqBase):
    """Error-compensated rounding with a Hessian from training data, steps by SDClip."""

    kind: Literal["gptq"]
    matrix: Grid
    embedding: Grid


class GptqLqer(GptqBase):
    """GPTQ with a step for each kind of matrix and int8 gates; the largest errors are corrected at low rank."""

    kind: Literal["gptq_lqer"]
    attention: Grid
    mlp: Grid
    embedding: Grid
    corrected: WholeNumber
    """So many matrices."""
    rank: Count
    """Of a correction."""
    group: Count
    """Numbers of the right factor that share a step."""


Quantile = Annotated[float, Field(gt=0, le=1)]


class GptqSearch(GptqBase):
    """Error-compensated rounding with steps searched among clip quantiles; int6, the least sensitive matrices int5."""

    kind: Literal["gptq_search"]
    clip_quantiles: Annotated[tuple[Quantile, ...], Field(min_length=1)]
    """Of a row's magnitudes; the one with the least squared error is taken for the whole matrix."""
    int5_matrices: WholeNumber
    """So many matrices, those whose Hessians have the least trace, get int5."""
    row_quantile: Quantile
    """Where the rows of embeddings and tables are clipped; they are int8."""


class Int8Rows(Part):
    """int8 with a step per row, clipped at a quantile (the baseline)."""

    slot: ClassVar[str] = "quant"
    kind: Literal["int8_rows"]
    clip_quantile: Annotated[float, Field(gt=0, le=1)]
    keep_elements: WholeNumber


class Int6Rows(Part):
    """int6 for matrices, with a step per row and nothing clipped; int8 for tables, float16 for the embedding (PR 162)."""

    slot: ClassVar[str] = "quant"
    kind: Literal["int6_rows"]
    clip_quantile: Annotated[float, Field(gt=0, le=1)]
    """Of tables."""
    keep_elements: WholeNumber
    """Tensors of at most so many elements stay float16."""
    float16_key_layers: WholeNumber
    """The key matrices of the last so many layers stay float16."""


class GradientBits(Part):
    """int5, int6 or int7 with a step per row, by the size of the gradient at the end of training; the embedding int8 (PR 332)."""

    slot: ClassVar[str] = "quant"
    kind: Literal["gradient_bits"]
    clip_quantile: Annotated[float, Field(gt=0, le=1)]
    keep_elements: WholeNumber


class FitBase(Part):
    """Around a quantiser: script and model just fit the limit."""

    slot: ClassVar[str] = "quant"
    artifact_bytes: Count
    """Script and model together are never more."""
    slack_bytes: WholeNumber
    """The search ends when no more than so many are left over."""
    packs: Count
    """Attempts at most; each rounds and compresses the whole model."""


class FitClip(FitBase):
    """The clip width of all matrices is scaled so that script and model just fit."""

    kind: Literal["fit_clip"]
    scale_range: tuple[Positive, Positive]
    """clip_sigmas is multiplied by a number in this range."""
    inner: Annotated[Gptq | GptqLqer, Field(discriminator="kind")]

    @model_validator(mode="after")
    def in_order(self) -> Self:
        low, high = self.scale_range
        if not low <= 1 <= high:
            raise ValueError(f"scale_range {[low, high]} does not hold 1, the first that is tried")
        return self


class FitBits(FitBase):
    """As many matrices as fit have six bits, the least sensitive five."""

    kind: Literal["fit_bits"]
    inner: GptqSearch


Quantizer = Gptq | GptqLqer | GptqSearch | Int6Rows | Int8Rows | GradientBits
AnyQuantizer = Annotated[Quantizer | FitClip | FitBits, Field(discriminator="kind")]


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


class Zstd(Codec):
    kind: Literal["zstd"]
    level: Annotated[int, Field(ge=1, le=22)]


class Xz(Codec):
    """LZMA2."""

    kind: Literal["xz"]
    preset: Annotated[int, Field(ge=0, le=9)]
    extreme: bool
    """Search longer for the same preset."""


class Lrzip(Codec):
    """ZPAQ by the external program lrzip: slow, small."""

    kind: Literal["lrzip"]
    level: Annotated[int, Field(ge=1, le=9)]


PlainCodec = Annotated[Brotli | Zlib | Zstd | Xz | Lrzip, Field(discriminator="kind")]


class Grouped(Part):
    """A stream for each kind of matrix, like rows together; back end of your choice."""

    slot: ClassVar[str] = "codec"
    kind: Literal["grouped"]
    matrices: PlainCodec
    rest: PlainCodec
    """For all that is no matrix of codes."""
    sort: tuple[str, ...]
    """Kinds of matrix, by the end of their names, whose rows are re-ordered: mlp.fc."""


class Table(Part):
    """How often each code occurs, for each matrix."""

    slot: ClassVar[str] = "codec.symbols"
    kind: Literal["table"]


class Gaussian(Part):
    """A normal distribution for each row."""

    slot: ClassVar[str] = "codec.symbols"
    kind: Literal["gaussian"]


class Constriction(Part):
    """An entropy coder with stored distributions."""

    slot: ClassVar[str] = "codec"
    kind: Literal["constriction"]
    symbols: Annotated[Table | Gaussian, Field(discriminator="kind")]
    rest: PlainCodec
    """For all that is no matrix of codes, and for the distributions."""


AnyCodec = Annotated[Brotli | Zlib | Zstd | Xz | Lrzip | Grouped | Constriction, Field(discriminator="kind")]
