"""Claim checks over HTTP, made for addresses that strangers choose."""

from __future__ import annotations

from pipeline.adapters.http.fetcher import HttpFetcher

__all__ = ["HttpFetcher"]
