"""The settings of what the archive remembers: a group as those in `groups`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pipeline.rules.archive.thumbnails import Which


class Archive(BaseModel, frozen=True):
    """What workers keep of each decided image, beside its decision, for the archive."""

    archive: Literal["off", "features", "thumbnails"] = Field(
        "off",
        description="What goes to features_topic beside each decision: nothing, the image's features, or a thumbnail"
        " as well. They are personal data where the images are.",
    )
    thumbnails: Which = Field(
        "flagged",
        description="Of which images: those that a policy matched, also in shadow; a share of all images; or all.",
    )
    thumbnail_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.01, description="Share of images with a thumbnail, from 0 to 1, where they are sampled."
    )
    subject_header: str = Field(
        "subject",
        min_length=1,
        description="Header of an event that says whom the image is of or from; else a claim check's `subject` does.",
    )

    @property
    def remembers(self) -> bool:
        """Whether anything is kept for the archive."""
        return self.archive != "off"
