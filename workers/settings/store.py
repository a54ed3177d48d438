"""The settings of an archive's store: a group as those in `groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from workers.settings.addresses import check_archive
from workers.settings.fetch import Endpoint, Name
from workers.settings.kinds import Seconds


class Store(BaseModel, frozen=True):
    """Where the archive lies, and how its store is reached."""

    archive_at: Annotated[str, AfterValidator(check_archive)] | None = Field(
        None,
        description="The archive that commands read, where they are given none: a folder, s3://BUCKET/PART,"
        " gs://BUCKET/PART or az://CONTAINER/PART.",
        json_schema_extra={"flag": False},
    )
    archive_endpoint: Endpoint | None = Field(
        None,
        description="Where its bucket is, such as http://minio:9000; none: where claim checks' are.",
    )
    archive_region: Name | None = Field(None, description="Region of its s3:// bucket; none: that of claim checks.")
    archive_timeout: Seconds = Field(
        60.0, description="Seconds for one call to its store, repeated attempts included."
    )
