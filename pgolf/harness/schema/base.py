"""What every part of a recipe has in common.

A class with a `slot` is a technique: the value `kind: gqa` in slot "model.attention" is the module
pgolf/model/attention/gqa.py. The bundler finds the modules of a recipe by these slots alone.
"""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A section of a recipe. Unknown fields, wrong types and silent conversions are errors; values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    slot: ClassVar[str] = ""


Count = Annotated[int, Field(ge=1)]
WholeNumber = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
