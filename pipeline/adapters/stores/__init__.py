"""Claim checks in object stores: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

from pipeline.adapters.stores.connections import StoreOptions
from pipeline.adapters.stores.fetcher import StoreFetcher

__all__ = ["StoreFetcher", "StoreOptions"]
