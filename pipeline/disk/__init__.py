"""The disk says what is in a person's own folders and files, in bounded time and memory, and names what it skips."""

from __future__ import annotations

from pipeline.disk.read import read_bytes, read_file
from pipeline.disk.walk import Found, walk

__all__ = ["Found", "read_bytes", "read_file", "walk"]
