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


class MuonEqR(MuonBase):
    """Muon with rows of equal length before orthogonalisation."""

    kind: Literal["muon_eq_r"]


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


class Optim(Part):
    gradients: Annotated[Plain | Clip, Field(discriminator="kind")]
    """What is done to gradients before the optimizers."""
    schedule: Annotated[WarmdownFraction | WarmdownSteps, Field(discriminator="kind")]
    embedding: Annotated[AdamW, Field(discriminator="kind")]
    matrix: Annotated[Muon | MuonEqR, Field(discriminator="kind")]
    scalar: Annotated[AdamW, Field(discriminator="kind")]
    head: Annotated[AdamW, Field(discriminator="kind")] | None
    """For the untied output projection; null when it is tied."""
    table: Annotated[AdamW, Field(discriminator="kind")] | None
    """For tables of other things than tokens (hashed pairs, values); null when there are none."""
