"""What every part of a recipe has in common.

A class with a `slot` is a technique: the value `kind: gqa` in slot "model.attention" is the module
pgolf/model/attention/gqa.py. The bundler finds the modules of a recipe by these slots alone.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A section of a recipe. Unknown fields, wrong types and silent conversions are errors; values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    slot: ClassVar[str] = ""
    has_table: ClassVar[bool] = False
    """Brings parameters of the role TABLE, which need an optimizer of their own."""


def parts(part: Part, path: str) -> Iterator[tuple[str, Part]]:
    """The part at `path` of a recipe and all parts in it, each with its path (a list's path for what is in the list)."""
    yield path, part
    for name in type(part).model_fields:
        value = getattr(part, name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, Part):
                yield from parts(child, f"{path}.{name}")


Count = Annotated[int, Field(ge=1)]
WholeNumber = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
