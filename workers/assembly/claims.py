"""Settings -> where claim checks are fetched from: hosts, object stores and folders, each as far as it is allowed."""

from __future__ import annotations

from pipeline.adapters.by_scheme import ClosableFetcher, FetcherByScheme
from pipeline.rules.claims import FILE, Location, allowed_location
from workers.assembly.stores import store_options
from workers.settings import Settings


def claim_fetcher(settings: Settings) -> FetcherByScheme:
    """Fetches what the settings allow. Raises `UsageError` where a store cannot be set up, and asks none."""
    from pipeline.adapters.http import HttpFetcher

    others = HttpFetcher(
        settings.fetch_allowed_hosts,
        allowed_schemes=("https", "http") if settings.fetch_allow_http else ("https",),
        allow_private=settings.fetch_allow_private,
        max_bytes=settings.fetch_max_bytes,
        timeout=settings.fetch_timeout,
    )
    allowed = [allowed_location(each) for each in settings.fetch_allowed_stores]
    fetchers: dict[str, ClosableFetcher] = {}
    if buckets := [each for each in allowed if each.scheme != FILE]:
        fetchers |= dict.fromkeys((each.scheme for each in buckets), _store_fetcher(settings, buckets))
    if folders := [each for each in allowed if each.scheme == FILE]:
        fetchers[FILE] = _folder_fetcher(settings, folders)
    return FetcherByScheme(fetchers, others)


def _store_fetcher(settings: Settings, buckets: list[Location]) -> ClosableFetcher:
    from pipeline.adapters.stores import StoreFetcher

    return StoreFetcher(
        buckets, store_options(settings), max_bytes=settings.fetch_max_bytes, timeout=settings.fetch_timeout
    )


def _folder_fetcher(settings: Settings, folders: list[Location]) -> ClosableFetcher:
    from pipeline.adapters.local.folders import FolderFetcher

    return FolderFetcher(folders, max_bytes=settings.fetch_max_bytes, timeout=settings.fetch_timeout)
