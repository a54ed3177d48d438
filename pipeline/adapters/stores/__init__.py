"""Object stores, of claim checks and archives: S3 and what speaks like it, Google Cloud Storage, Azure's blobs."""

from __future__ import annotations

from pipeline.adapters.stores.bucket import BucketStore
from pipeline.adapters.stores.connections import StoreOptions
from pipeline.adapters.stores.fetcher import StoreFetcher

__all__ = ["BucketStore", "StoreFetcher", "StoreOptions"]
