"""Settings and flags -> an archive to read, and those of its segments that are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.archive.archive import Archive, Segment
from pipeline.errors import ServiceError, UsageError
from pipeline.rules.times import Window
from pipeline.signals import Provenance
from workers.assembly.stores import archive_store
from workers.settings import Settings, variable
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


def nothing_in(archive: Archive, window: Window) -> ServiceError:
    """What to raise where no row was decided within the window: it says of which days there are some."""
    days = [segment.name.group.day for segment in archive.segments()]
    if not days:
        return ServiceError(f"{archive.store.address} holds no archive, or one without any rows yet")
    held = f"it has rows of {min(days)} to {max(days)}"
    return ServiceError(f"the archive {archive.store.address} has no rows{_said(window)}; {held}")


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
