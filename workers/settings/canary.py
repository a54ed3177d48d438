"""The settings of canaries: a group as those in `groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from pipeline.rules import canaries

Canaries = Annotated[tuple[str, ...], NoDecode]


class Canary(BaseModel, frozen=True):
    """Known images that `sluice canary` sends through Kafka, to see that they come back right."""

    canary: Canaries = Field(
        (), description=f"Known images to send, '{canaries.FORM}', apart by commas; in a file a list as well."
    )
    canary_patience: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        60.0, description="Seconds to wait for a canary's answer; one that has none by then is missing."
    )

    @field_validator("canary", mode="before")
    @classmethod
    def _apart(cls, value: object) -> object:
        return tuple(canaries.apart(value)) if isinstance(value, str) else value

    @field_validator("canary")
    @classmethod
    def _each_sound(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            names = [canaries.Canary.parse(text).name for text in value]
        except ValueError as error:
            raise PydanticCustomError("canary", "{said}", {"said": str(error)}) from error
        if twice := {name for name in names if names.count(name) > 1}:
            said = f"two canaries are named {min(twice)}: copy the file under another name"
            raise PydanticCustomError("canary", "{said}", {"said": said})
        return value
