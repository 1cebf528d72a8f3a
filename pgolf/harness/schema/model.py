"""What the network is made of."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Count, Fraction, Part, Positive, WholeNumber


class Rope(Part):
    base: Positive
    dims: Annotated[int, Field(ge=4, multiple_of=2)]
    """Rotated dimensions of each head, from the first on."""
    train_tokens: Count | None
    """Beyond this many positions the base grows; null: never."""


class Xsa(Part):
    """Exclusive self attention: the part along a position's own value is taken out."""

    slot: ClassVar[str] = "model.attention_outputs"
    kind: Literal["xsa"]
    last_layers: Count | None
    """Only the last so many layers; null: all."""


class SparseGate(Part):
    """A gate for each head, read from the first channels of the attention's input."""

    slot: ClassVar[str] = "model.attention_outputs"
    kind: Literal["sparse_gate"]
    last_layers: Count | None
    """Only the last so many layers; null: all."""
    channels: Count
    scale: Positive
    """Of the logit of the gate."""


class GqaBase(Part):
    slot: ClassVar[str] = "model.attention"
    heads: Count
    kv_heads: Count
    qk_gain: Positive
    """First value of the gain that each head's queries are multiplied by."""
    rope: Rope
    outputs: tuple[Annotated[Xsa | SparseGate, Field(discriminator="kind")], ...]
    """What is done to each head's output before the projection, in order."""


class Gqa(GqaBase):
    """Grouped-query attention with normalised queries and keys."""

    kind: Literal["gqa"]


class GqaDocuments(GqaBase):
    """Grouped-query attention that stays inside documents where a batch says where they begin."""

    kind: Literal["gqa_documents"]
    max_tokens: Count
    """No segment of a batch is longer."""

    @model_validator(mode="after")
    def turns_alike_at_any_length(self) -> Self:
        if self.rope.train_tokens is not None:
            raise ValueError(
                f"rope.train_tokens is {self.rope.train_tokens}, but documents stand in one long row, whose length would change "
                "the base: set it to null"
            )
        return self


class ValueEmbedding(Part):
    layers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    """They share one table and its projection; each has a gain of its own."""
    width: Count
    init_std: Positive
    scale: Positive
    """First value of the factor that all these layers share."""


class GqaValueEmbedding(GqaBase):
    """Grouped-query attention whose values, in some layers, add a vector that is looked up by the token."""

    has_table: ClassVar[bool] = True
    kind: Literal["gqa_value_embedding"]
    value_embedding: ValueEmbedding


class SquaredRelu(Part):
    """Two linear maps with a squared (leaky) ReLU between."""

    slot: ClassVar[str] = "model.mlp"
    kind: Literal["squared_relu"]
    hidden: Count
    negative_slope: Fraction
    """0: relu squared."""


class FusedSquaredRelu(Part):
    """squared_relu, trained with fused kernels."""

    slot: ClassVar[str] = "model.mlp"
    kind: Literal["fused_squared_relu"]
    hidden: Count
    negative_slope: Fraction
    """0: relu squared."""


class Serial(Part):
    """Attention, then MLP, each added to the stream."""

    slot: ClassVar[str] = "model.residual"
    kind: Literal["serial"]
    layer_scale: Literal["none", "inverse_sqrt"]
    """inverse_sqrt: layer l reads its input divided by sqrt(l + 1)."""


class Parallel(Part):
    """Attention and MLP read the same stream, from a layer on; serial before it."""

    slot: ClassVar[str] = "model.residual"
    kind: Literal["parallel"]
    layer_scale: Literal["none", "inverse_sqrt"]
    """inverse_sqrt: layer l reads its input divided by sqrt(l + 1)."""
    start_layer: Annotated[int, Field(ge=0)]


class TwoLane(Part):
    """Two streams from a layer on: attention reads one, the MLP the other, and both write to both. Serial before it."""

    slot: ClassVar[str] = "model.residual"
    kind: Literal["two_lane"]
    layer_scale: Literal["none", "inverse_sqrt"]
    """inverse_sqrt: layer l reads its input divided by sqrt(l + 1)."""
    lanes_start_layer: Count


class Unet(Part):
    """Mirrored skips with a weight per channel."""

    slot: ClassVar[str] = "model.skips"
    kind: Literal["unet"]


class GatedUnet(Part):
    """Mirrored skips with a weight and a gate per channel."""

    slot: ClassVar[str] = "model.skips"
    kind: Literal["gated_unet"]


class GatedUnetLane(Part):
    """Gated skips that reach only the first of two lanes."""

    slot: ClassVar[str] = "model.skips"
    kind: Literal["gated_unet_lane"]


class GatedUnetCapped(Part):
    """Gated skips of a fixed number; decoder blocks beyond it share the last."""

    slot: ClassVar[str] = "model.skips"
    kind: Literal["gated_unet_capped"]
    slots: Count
    """Weights and gates for so many decoder blocks."""


class Once(Part):
    """Every layer once."""

    slot: ClassVar[str] = "model.depth"
    kind: Literal["once"]


class Loop(Part):
    """Layers first_layer..last_layer run several times in a row, from a fraction of training on."""

    slot: ClassVar[str] = "model.depth"
    kind: Literal["loop"]
    first_layer: Annotated[int, Field(ge=0)]
    last_layer: Annotated[int, Field(ge=0)]
    passes: Annotated[int, Field(ge=2)]
    from_fraction: Fraction


class LoopFromStep(Part):
    """Layers first_layer..last_layer run several times in a row, from a step on."""

    slot: ClassVar[str] = "model.depth"
    kind: Literal["loop_from_step"]
    first_layer: Annotated[int, Field(ge=0)]
    last_layer: Annotated[int, Field(ge=0)]
    passes: Annotated[int, Field(ge=2)]
    from_step: WholeNumber
    """So many steps are finished before the first with the loop."""


class Tied(Part):
    """One matrix for input embedding and output projection."""

    slot: ClassVar[str] = "model.vocabulary"
    kind: Literal["tied"]
    init_std: Positive


class Norm(Part):
    """The stream so far, brought to unit RMS."""

    slot: ClassVar[str] = "model.inputs"
    kind: Literal["norm"]


class BigramHash(Part):
    """Adds a learned vector for each pair of neighbouring tokens; pairs share buckets."""

    slot: ClassVar[str] = "model.inputs"
    has_table: ClassVar[bool] = True
    kind: Literal["bigram_hash"]
    buckets: Annotated[int, Field(ge=2)]
    """The last one is for the first token of a row."""
    width: Count
    scale_init: Positive
    projection: Literal["matrix", "table"]
    """Whose optimizer moves the projection to the stream: that of the matrices or that of the table."""


class Smear(Part):
    """Each channel blends in its value one position earlier, also across documents."""

    slot: ClassVar[str] = "model.inputs"
    kind: Literal["smear"]


class SmearDocuments(Part):
    """Adds a gated part of the embedding before, never across a document's start."""

    slot: ClassVar[str] = "model.inputs"
    kind: Literal["smear_documents"]
    channels: Count
    """Of the embedding, from the first on; the gate reads them."""
    bos_token: WholeNumber
    """The first token of every document."""


class Enriched(Part):
    """A tied matrix, and parts between it and the stream."""

    slot: ClassVar[str] = "model.vocabulary"
    kind: Literal["enriched"]
    init_std: Positive
    inputs: tuple[Annotated[Norm | BigramHash | Smear | SmearDocuments, Field(discriminator="kind")], ...]
    """In order."""


class Untied(Part):
    """Two matrices, in an embedding width of their own."""

    slot: ClassVar[str] = "model.vocabulary"
    kind: Literal["untied"]
    init_std: Positive
    width: Count


class Softcap(Part):
    """Logits are cap * tanh(z / cap)."""

    slot: ClassVar[str] = "model.output"
    kind: Literal["softcap"]
    cap: Positive


class FusedSoftcap(Part):
    """softcap, trained with fused kernels."""

    slot: ClassVar[str] = "model.output"
    kind: Literal["fused_softcap"]
    cap: Positive


class Model(Part):
    vocab_size: Annotated[int, Field(ge=8, le=65536)]
    width: Count
    layers: Annotated[int, Field(ge=2)]
    output: Annotated[Softcap | FusedSoftcap, Field(discriminator="kind")]
    """From projected logits to nats."""
    init: Literal["uniform", "orthogonal"]
    """First values of the matrices that read the stream; those that write to it start at zero."""
    vocabulary: Annotated[Tied | Enriched | Untied, Field(discriminator="kind")]
    attention: Annotated[Gqa | GqaValueEmbedding | GqaDocuments, Field(discriminator="kind")]
    mlp: Annotated[SquaredRelu | FusedSquaredRelu, Field(discriminator="kind")]
    residual: Annotated[Serial | Parallel | TwoLane, Field(discriminator="kind")]
    skips: Annotated[Unet | GatedUnet | GatedUnetCapped | GatedUnetLane, Field(discriminator="kind")]
    depth: Annotated[Once | Loop | LoopFromStep, Field(discriminator="kind")]

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        a = self.attention
        if self.width % a.heads:
            raise ValueError(f"width {self.width} is not a multiple of attention.heads {a.heads}")
        if a.heads % a.kv_heads:
            raise ValueError(f"attention.heads {a.heads} is not a multiple of attention.kv_heads {a.kv_heads}")
        if a.rope.dims > self.width // a.heads:
            raise ValueError(f"attention.rope.dims {a.rope.dims} is over the head width {self.width // a.heads}")
        if isinstance(self.residual, Parallel) and self.residual.start_layer >= self.layers:
            raise ValueError(
                f"residual.start_layer {self.residual.start_layer} is not one of the layers 0 .. {self.layers - 1}: none would "
                "be parallel"
            )
        if isinstance(self.residual, TwoLane):
            start = self.residual.lanes_start_layer
            after_loop = not isinstance(self.depth, Loop | LoopFromStep) or start > self.depth.last_layer
            if not (after_loop and self.layers // 2 <= start < self.layers):
                raise ValueError(
                    f"residual.lanes_start_layer {start} must be in the second half of the layers 0 .. {self.layers - 1}, after "
                    "those that depth loops"
                )
            if not isinstance(self.skips, GatedUnetLane):
                raise ValueError(f"residual.kind two_lane needs skips.kind gated_unet_lane, found {self.skips.kind}")
        if isinstance(a, GqaValueEmbedding) and max(a.value_embedding.layers) >= self.layers:
            raise ValueError(
                f"attention.value_embedding.layers {list(a.value_embedding.layers)} must be within layers 0 .. {self.layers - 1}"
            )
        if (
            isinstance(self.depth, Loop | LoopFromStep)
            and not self.depth.first_layer <= self.depth.last_layer < self.layers
        ):
            raise ValueError(
                f"depth.first_layer {self.depth.first_layer} .. depth.last_layer {self.depth.last_layer} must be an interval "
                f"within layers 0 .. {self.layers - 1}"
            )
        return self
