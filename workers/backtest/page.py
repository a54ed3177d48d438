"""A backtest as a file for a browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.archive.archive import Archive
from pipeline.lab.backtest.album import MOST
from pipeline.lab.backtest.page import page
from pipeline.lab.backtest.record import Record
from pipeline.lab.backtest.thumbnails import with_thumbnails
from pipeline.lab.reviews.reviewed import Reviewed
from workers.terminal.reports import write_report


def write_page(path: Path, record: Record, reviews: Mapping[str, Reviewed], archive: Archive | None) -> None:
    """Write the page, with the pictures that the archive has. Raises `ServiceError`."""
    pictured = record if archive is None else with_thumbnails(record, archive, MOST)
    write_report("--html", path, page(pictured, reviews).encode())
