"""Which tokens a run sees, and in which order."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pgolf.harness.schema.base import Count, Part


class Shuffled(Part):
    """Whole windows drawn without replacement; logical rank r owns shards r, r + R, ... (PR 1394)."""

    slot: ClassVar[str] = "data"
    kind: Literal["shuffled"]


class Sequential(Part):
    """All shards as one endless stream, front to back (the baseline)."""

    slot: ClassVar[str] = "data"
    kind: Literal["sequential"]


class Pieces(Part):
    """By the tokenizer's pieces."""

    slot: ClassVar[str] = "data.bytes"
    kind: Literal["pieces"]


class Data(Part):
    variant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    """Data set folder: DATA_DIR/datasets/fineweb10B_<variant>."""
    tokenizer: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\.model$")]
    """SentencePiece model in DATA_DIR/tokenizers."""
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")] | None
    """Hugging Face data set that holds this export; null: none does."""
    train_shards: Count
    """How many training shards the run uses, from the first on."""
    loader: Annotated[Shuffled | Sequential, Field(discriminator="kind")]
    calibration: Annotated[Shuffled | Sequential, Field(discriminator="kind")]
    """The loader whose first batches the quantiser sees, from the beginning."""
    bytes: Annotated[Pieces, Field(discriminator="kind")]
    """How many bytes of text a token stands for."""
