"""Which optimizer moves which parameters, and how fast."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pgolf.harness.schema.base import Count, Fraction, NotNegative, Part, Positive, WholeNumber

Momentum = Annotated[float, Field(ge=0, lt=1)]


class Ramp(Part):
    """Linear from `first` to `last` over `steps` steps, then constant."""

    first: Momentum
    last: Momentum
    steps: WholeNumber


class MuonBase(Part):
    slot: ClassVar[str] = "optim"
    lr: Positive
    momentum: Ramp
    newton_schulz_steps: Count
    weight_decay: NotNegative


class Muon(MuonBase):
    """Orthogonalised momentum."""

    kind: Literal["muon"]


class MuonDecayAfter(MuonBase):
    """Muon with weight decay after the update."""

    kind: Literal["muon_decay_after"]


class MuonEqR(MuonBase):
    """Muon with rows of equal length before orthogonalisation."""

    kind: Literal["muon_eq_r"]


class MuonPolar(MuonBase):
    """MuonEq-R with the coefficients of Polar Express."""

    kind: Literal["muon_polar"]
    newton_schulz_steps: Annotated[int, Field(ge=1, le=5)]


class AdamW(Part):
    """Adam with decoupled weight decay."""

    slot: ClassVar[str] = "optim"
    kind: Literal["adamw"]
    lr: Positive
    betas: tuple[Momentum, Momentum]
    eps: Positive
    weight_decay: NotNegative


class WarmdownFraction(Part):
    """Constant, then linear to `floor` over the last `fraction` of the run."""

    slot: ClassVar[str] = "optim.schedule"
    kind: Literal["warmdown_fraction"]
    fraction: Fraction
    floor: Fraction


class WarmdownSteps(Part):
    """Constant, then linear to 0 over the last `steps` steps (by the clock: over the time of so many average steps)."""

    slot: ClassVar[str] = "optim.schedule"
    kind: Literal["warmdown_steps"]
    steps: WholeNumber


class Plain(Part):
    """Gradients as they are."""

    slot: ClassVar[str] = "optim.gradients"
    kind: Literal["plain"]


class Clip(Part):
    """Scaled down to a global L2 norm."""

    slot: ClassVar[str] = "optim.gradients"
    kind: Literal["clip"]
    norm: Positive


class ClipMicroBatch(Part):
    """Each micro-batch's own gradient scaled down to an L2 norm, before they are averaged."""

    slot: ClassVar[str] = "optim.gradients"
    kind: Literal["clip_micro_batch"]
    norm: Positive


class ClipAndWatch(Part):
    """Clip, and the mean square of each matrix's unclipped gradient at the end of the warm-down, for quant.kind gradient_bits."""

    slot: ClassVar[str] = "optim.gradients"
    kind: Literal["clip_and_watch"]
    norm: Positive
    below_multiplier: Fraction
    """Watched are the steps at less than so much of the learning rate."""


class LateQat(Part):
    """Linear maps compute with rounded weights at the end of the warm-down; gradients are those of the rounded weights."""

    slot: ClassVar[str] = "optim.gradients"
    kind: Literal["late_qat"]
    bits: Annotated[int, Field(ge=2, le=8)]
    below_multiplier: Fraction
    """At less than so much of the learning rate."""
    inner: Annotated[Plain | Clip | ClipAndWatch, Field(discriminator="kind")]
    """What is done to gradients otherwise."""


class Optim(Part):
    gradients: Annotated[Plain | Clip | ClipMicroBatch | ClipAndWatch | LateQat, Field(discriminator="kind")]
    """What is done to gradients before the optimizers."""
    schedule: Annotated[WarmdownFraction | WarmdownSteps, Field(discriminator="kind")]
    embedding: Annotated[AdamW, Field(discriminator="kind")]
    matrix: Annotated[Muon | MuonDecayAfter | MuonEqR | MuonPolar, Field(discriminator="kind")]
    scalar: Annotated[AdamW, Field(discriminator="kind")]
    head: Annotated[AdamW, Field(discriminator="kind")] | None
    """For the untied output projection; null when it is tied."""
    table: Annotated[AdamW, Field(discriminator="kind")] | None
    """For tables of other things than tokens (hashed pairs, values); null when there are none."""
