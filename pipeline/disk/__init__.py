"""A person's own disk: folders walked and files read, in bounded time and memory; nothing passes in silence."""

from __future__ import annotations

from pipeline.disk.read import read_bytes, read_file
from pipeline.disk.walk import Found, walk

__all__ = ["Found", "read_bytes", "read_file", "walk"]
