"""Which tokens a run sees, and in which order."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pgolf.harness.schema.base import Count, Part, WholeNumber


class Shuffled(Part):
    """Whole windows drawn without replacement; logical rank r owns shards r, r + R, ... (PR 1394)."""

    slot: ClassVar[str] = "data"
    kind: Literal["shuffled"]


class Sequential(Part):
    """All shards as one endless stream, front to back (the baseline)."""

    slot: ClassVar[str] = "data"
    kind: Literal["sequential"]


class Coprime(Part):
    """Batches mixed from many shards, each walked in a stride that misses no block (PR 1218)."""

    slot: ClassVar[str] = "data"
    kind: Literal["coprime"]
    directory: Annotated[str, Field(pattern=r"^[^\s]*[^\s/]$")]
    """The folder of the shards as the published run named it: the order of data follows from its text, not from where data lie."""


class Documents(Part):
    """Flat buffers front to back, with where each document begins; none is longer than train.sequence_tokens (PR 1530)."""

    slot: ClassVar[str] = "data"
    kind: Literal["documents"]
    bos_token: WholeNumber
    """The first token of every document."""


class Pieces(Part):
    """By the tokenizer's pieces."""

    slot: ClassVar[str] = "data.bytes"
    kind: Literal["pieces"]


class Sidecar(Part):
    """By files beside the validation shards: for tokens of transformed text, whose bytes are those of the original (PR 1729)."""

    slot: ClassVar[str] = "data.bytes"
    kind: Literal["sidecar"]


class Data(Part):
    variant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    """Data set folder: DATA_DIR/datasets/fineweb10B_<variant>."""
    tokenizer: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\.model$")]
    """SentencePiece model in DATA_DIR/tokenizers."""
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")] | None
    """Hugging Face data set that holds this export; null: none does."""
    train_shards: Count
    """How many training shards the run uses, from the first on."""
    loader: Annotated[Shuffled | Sequential | Coprime | Documents, Field(discriminator="kind")]
    calibration: Annotated[Shuffled | Sequential | Coprime, Field(discriminator="kind")]
    """The loader whose first batches the quantiser sees, from the beginning."""
    bytes: Annotated[Pieces | Sidecar, Field(discriminator="kind")]
    """How many bytes of text a token stands for."""
