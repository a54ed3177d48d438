"""The settings of the archiver: a group as those in `groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from workers.settings.kinds import Count, Seconds


class Archiver(BaseModel, frozen=True):
    """How `sluice archive run` shares the features topic, and when it makes a segment."""

    archiver_group: str = Field(
        "sluice-archive", description="Consumer group of the archivers; they share the partitions."
    )
    archive_every: Seconds = Field(
        300.0, description="Seconds until what was decided is in a segment; a crash reads that much again."
    )
    archive_segment_bytes: Count = Field(
        64 * 1024 * 1024, description="Bytes of records of which a segment is made before that."
    )
    archive_memory: Count = Field(
        256 * 1024 * 1024,
        description="Bytes of records that an archiver holds in all; past that, the largest segment is made at once.",
    )
    archive_tidy_every: Seconds = Field(
        600.0,
        description="Seconds between looks for small segments of days that are over, and for days to remove.",
    )
    archive_reviews_every: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        3600.0,
        description="Seconds between looks at what a week's reviews say of policies, for the metrics; 0: never.",
    )
    archive_retention_days: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Days that the archive keeps; who is erased and policy sets stay. None: for ever.",
    )
    archive_repeats: Count = Field(
        50_000,
        description="Records of a partition within which an event that comes again is known, and left out; some 300"
        " bytes of memory each.",
    )
