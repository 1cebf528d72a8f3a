"""What the network is made of."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Count, Fraction, Part, Positive


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


class Gqa(Part):
    """Grouped-query attention with normalised queries and keys."""

    slot: ClassVar[str] = "model.attention"
    kind: Literal["gqa"]
    heads: Count
    kv_heads: Count
    qk_gain: Positive
    """First value of the gain that each head's queries are multiplied by."""
    rope: Rope
    outputs: tuple[Xsa, ...]
    """What is done to each head's output before the projection, in order."""


class SquaredRelu(Part):
    """Two linear maps with a squared (leaky) ReLU between."""

    slot: ClassVar[str] = "model.mlp"
    kind: Literal["squared_relu"]
    hidden: Count
    negative_slope: Fraction
    """0: relu squared."""


class Serial(Part):
    """Attention, then MLP, each added to the stream."""

    slot: ClassVar[str] = "model.residual"
    kind: Literal["serial"]
    layer_scale: Literal["none", "inverse_sqrt"]
    """inverse_sqrt: layer l reads its input divided by sqrt(l + 1)."""


class Unet(Part):
    """Mirrored skips with a weight per channel."""

    slot: ClassVar[str] = "model.skips"
    kind: Literal["unet"]


class GatedUnet(Part):
    """Mirrored skips with a weight and a gate per channel."""

    slot: ClassVar[str] = "model.skips"
    kind: Literal["gated_unet"]


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


class Tied(Part):
    """One matrix for input embedding and output projection."""

    slot: ClassVar[str] = "model.vocabulary"
    kind: Literal["tied"]
    init_std: Positive


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


class Model(Part):
    vocab_size: Annotated[int, Field(ge=8, le=65536)]
    width: Count
    layers: Annotated[int, Field(ge=2)]
    output: Annotated[Softcap, Field(discriminator="kind")]
    """From projected logits to nats."""
    init: Literal["uniform", "orthogonal"]
    """First values of the matrices that read the stream; those that write to it start at zero."""
    vocabulary: Annotated[Tied | Untied, Field(discriminator="kind")]
    attention: Annotated[Gqa, Field(discriminator="kind")]
    mlp: Annotated[SquaredRelu, Field(discriminator="kind")]
    residual: Annotated[Serial, Field(discriminator="kind")]
    skips: Annotated[Unet | GatedUnet, Field(discriminator="kind")]
    depth: Annotated[Once | Loop, Field(discriminator="kind")]

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        a = self.attention
        if self.width % a.heads:
            raise ValueError(f"width {self.width} is not a multiple of attention.heads {a.heads}")
        if a.heads % a.kv_heads:
            raise ValueError(f"attention.heads {a.heads} is not a multiple of attention.kv_heads {a.kv_heads}")
        if a.rope.dims > self.width // a.heads:
            raise ValueError(f"attention.rope.dims {a.rope.dims} is over the head width {self.width // a.heads}")
        if isinstance(self.depth, Loop) and not self.depth.first_layer <= self.depth.last_layer < self.layers:
            raise ValueError(
                f"depth.first_layer {self.depth.first_layer} .. depth.last_layer {self.depth.last_layer} must be an interval "
                f"within layers 0 .. {self.layers - 1}"
            )
        return self
