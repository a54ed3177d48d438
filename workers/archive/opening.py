"""Settings and flags -> an archive to read, and those of its segments that are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.archive.archive import Archive, Segment
from pipeline.errors import ServiceError, UsageError
from pipeline.lab.drift.periods import Periods, day_window, periods
from pipeline.rules.times import ALWAYS, Window
from pipeline.signals import Provenance
from workers.assembly.stores import archive_store
from workers.settings import Settings, variable
from workers.settings.times import day_of
from workers.terminal.plain import say


@contextmanager
def opened_archive(settings: Settings, address: str | None) -> Iterator[Archive]:
    """The archive at `address`, or where the settings say.

    Raises `UsageError` where neither names one, for what is no address, and for a folder that is not there.
    """
    chosen = address or settings.archive_at
    if not chosen:
        raise UsageError(
            "which archive? say --archive FOLDER, s3://BUCKET/PART, gs://BUCKET/PART or az://CONTAINER/PART, or set"
            f" {variable('archive_at')}"
        )
    if "://" not in chosen and not Path(chosen).is_dir():
        raise ServiceError(f"the archive {chosen} is not there; is it a folder of this machine?")
    with closing(archive_store(settings, chosen)) as store:
        yield Archive(store)


def segments_in(archive: Archive, window: Window) -> list[Segment]:
    """The segments of the days that the window touches. Raises `ServiceError` where there are none."""
    found = archive.segments(window)
    if not found:
        raise nothing_in(archive, window)
    return found


def segments_made_by(archive: Archive, window: Window, made_by: Provenance) -> list[Segment]:
    """As `segments_in`, of this model and preprocessing alone; a line on stderr counts those that are left out.

    Raises `ServiceError` where none remains: features of different models have nothing to say to each other.
    """
    found = segments_in(archive, window)
    wanted = made_by.model.fingerprint, made_by.preprocess
    kinds = Counter(map(_kind, found))
    if wanted not in kinds:
        there = " or ".join(_named(each) for each in sorted(kinds))
        raise ServiceError(
            f"the archive {archive.store.address} has no rows of {_named(wanted)}{_said(window)}, only of {there}"
        )
    others = [f"{count} of {_named(kind)}" for kind, count in sorted(kinds.items()) if kind != wanted]
    if others:
        say(f"sluice: segments left out: {', '.join(others)}; asked is of {_named(wanted)}", err=True)
    return [each for each in found if _kind(each) == wanted]


def periods_in(archive: Archive, day: str | None, made_by: Provenance | None = None) -> Periods:
    """That day, or the newest, and the month before it, of this model or of that which saw most of the day.

    A line on stderr counts segments that are left out. Raises `UsageError` for what is no day, `ServiceError` for one
    without rows.
    """
    wanted = day_of("--day", day)
    kind = None if made_by is None else (made_by.model.fingerprint, made_by.preprocess)
    found = periods(archive.segments(), wanted, kind)
    if found is None:
        raise nothing_in(archive, ALWAYS if wanted is None else day_window(wanted), kind)
    if found.others:
        say(f"sluice: segments left out: {found.others}; compared are rows of {_named(found.kind)}", err=True)
    return found


def nothing_in(archive: Archive, window: Window, kind: tuple[str, str] | None = None) -> ServiceError:
    """What to raise where no row was decided within the window: it says of which days there are some.

    With a `kind`, a model's fingerprint and the preprocessing, of rows of that kind alone.
    """
    days = [each.name.group.day for each in archive.segments() if kind is None or _kind(each) == kind]
    if kind is not None and not days:
        return ServiceError(f"the archive {archive.store.address} has no rows of {_named(kind)}")
    if not days:
        return ServiceError(f"{archive.store.address} holds no archive, or one without any rows yet")
    held = f"it has rows of {min(days)} to {max(days)}"
    of = "" if kind is None else f" of {_named(kind)}"
    return ServiceError(f"the archive {archive.store.address} has no rows{of}{_said(window)}; {held}")


def _kind(segment: Segment) -> tuple[str, str]:
    return segment.name.group.fingerprint, segment.name.group.preprocess


def _named(kind: tuple[str, str]) -> str:
    return f"model {kind[0]} by {kind[1]}"


def _said(window: Window) -> str:
    since = "" if window.since is None else f" from {_time(window.since)} on"
    return since + ("" if window.until is None else f" before {_time(window.until)}")


def _time(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "the beginning of time"
