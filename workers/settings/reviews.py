"""The settings of reviews: a group as those in `groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class Reviews(BaseModel, frozen=True):
    """Which images people are asked to look at that no policy acts on, so that what is missed can be told."""

    review_sample: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="Share of allowed images that are drawn to be reviewed, from 0 to 1: their decisions say so.",
    )
