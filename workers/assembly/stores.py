"""Settings -> object stores and folders: how buckets are reached, and where an archive lies."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError, UsageError
from pipeline.ports import Store
from pipeline.rules.claims import FILE, Location, allowed_location
from workers.settings import Settings

if TYPE_CHECKING:  # a library that nothing is fetched by is not paid for
    from pipeline.adapters.stores import StoreOptions


def archive_store(settings: Settings, address: str) -> Store:
    """The store at a folder, or at ``s3://``, ``gs://`` or ``az://`` with a bucket and what its names begin with.

    Raises `UsageError` for what is no address or cannot be set up; whether the store answers is not asked.
    """
    if "://" not in address:
        return _folder(Path(address))
    try:
        location = allowed_location(address)
    except ValueError as error:
        raise UsageError(f"{address} is no archive's address: {error}") from error
    if location.scheme == FILE:
        return _folder(Path(os.sep, *location.segments))
    from pipeline.adapters.stores import BucketStore

    return BucketStore(location, _archive_options(settings, location), timeout=settings.archive_timeout)


def store_options(settings: Settings) -> StoreOptions:
    """How buckets are reached that claim checks point to. Raises `SettingsError` for certificates not to be read."""
    from pipeline.adapters.stores import StoreOptions

    return StoreOptions(
        s3_endpoint=settings.fetch_s3_endpoint,
        s3_region=settings.fetch_s3_region,
        gcs_endpoint=settings.fetch_gcs_endpoint,
        azure_account=settings.fetch_azure_account,
        azure_endpoint=settings.fetch_azure_endpoint,
        certificates=_certificates(settings),
    )


def _archive_options(settings: Settings, location: Location) -> StoreOptions:
    """Those of claim checks, but for what is said of the archive itself."""
    options, endpoint = store_options(settings), settings.archive_endpoint
    own = {
        "s3": replace(options, s3_endpoint=endpoint or options.s3_endpoint),
        "gs": replace(options, gcs_endpoint=endpoint or options.gcs_endpoint),
        "az": replace(options, azure_endpoint=endpoint or options.azure_endpoint),
    }[location.scheme]
    return replace(own, s3_region=settings.archive_region or options.s3_region)


def _folder(path: Path) -> Store:
    from pipeline.adapters.local.store import FolderStore

    return FolderStore(path)


def _certificates(settings: Settings) -> bytes | None:
    if settings.fetch_cafile is None:
        return None
    try:
        return settings.fetch_cafile.read_bytes()
    except OSError as error:
        raise SettingsError(f"fetch_cafile: {settings.fetch_cafile} cannot be read: {error.strerror}") from error
