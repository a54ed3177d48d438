"""The settings of claim checks: a group as those in `groups`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from workers.settings.addresses import check_endpoint, check_host, check_store
from workers.settings.kinds import Count, Seconds

Hosts = Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], NoDecode]
Stores = Annotated[tuple[Annotated[str, AfterValidator(check_store)], ...], NoDecode]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
Endpoint = Annotated[str, AfterValidator(check_endpoint)]


class Fetch(BaseModel, frozen=True):
    """Where claim checks may point to, and how long a store is waited for."""

    fetch_allowed_hosts: Hosts = Field(
        (), description="Hosts that claim checks may point to, such as cdn.example.com,*.s3.example.com,minio:9000."
    )
    fetch_allowed_stores: Stores = Field(
        (),
        description="Buckets, or parts of them, and folders that claim checks may point to, such as"
        " s3://images,gs://other/uploads,az://container,file:///data/images.",
    )
    fetch_allow_private: bool = Field(False, description="Let claim checks reach private addresses.")
    fetch_allow_http: bool = Field(False, description="Let claim checks use http:// besides https://.")
    fetch_max_bytes: Count = Field(50_000_000, description="Most bytes of a fetched image.")
    fetch_timeout: Seconds = Field(10.0, description="Seconds for one fetch, redirects included.")
    fetch_patience: Seconds = Field(
        300.0,
        description="Seconds that claim checks wait for a store that does not answer, then dead letters.",
    )
    fetch_s3_endpoint: Endpoint | None = Field(
        None, description="Where s3:// is, such as http://minio:9000, buckets in the path; none: AWS."
    )
    fetch_s3_region: Name | None = Field(
        None, description="Region of s3:// buckets; none: AWS_REGION, else us-east-1."
    )
    fetch_gcs_endpoint: Endpoint | None = Field(None, description="Where gs:// is; none: Google.")
    fetch_azure_account: Name | None = Field(
        None, description="Storage account of az:// containers; none: AZURE_STORAGE_ACCOUNT_NAME."
    )
    fetch_azure_endpoint: Endpoint | None = Field(None, description="Where az:// is; none: the account's at Azure.")
    fetch_cafile: Path | None = Field(
        None, description="CA certificates (PEM) to trust for s3://, gs:// and az:// besides the system's."
    )

    @field_validator("fetch_allowed_hosts", "fetch_allowed_stores", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
