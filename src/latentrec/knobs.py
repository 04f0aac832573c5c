"""What every table of settings is made of: frozen checked data, and numbers with bounds."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

PositiveInt: TypeAlias = Annotated[int, Field(ge=1)]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Rate: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
Weight: TypeAlias = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Knobs(BaseModel):
    """A table of settings: frozen, unknown keys refused, docstrings under the fields kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
