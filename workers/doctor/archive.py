"""The archive: whether it can be reached, read and written, and what is there."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from pipeline.errors import StoreAwayError, StoreError
from pipeline.ports import Store
from pipeline.rules.archive.names import SEGMENTS, SegmentName, parse_path
from workers.archiver.probe import try_it
from workers.assembly.stores import archive_store
from workers.doctor.finding import Finding, fail, ok, warn
from workers.doctor.machine import nearest, unwritable
from workers.settings import Settings

LEAST_SEGMENTS = 16
"""Room for fewer than these is little."""


def archive(settings: Settings) -> Finding:
    """Look where the settings say that it lies; it takes a trial object, which goes at once."""
    address = settings.archive_at
    if address is None:
        return ok("workers remember, and no archive is named here" if settings.remembers else "none is named")
    with closing(archive_store(settings, address)) as store:
        folder = None if "://" in address else Path(address)
        if folder is not None and not folder.is_dir():
            return _folder_to_be(folder)
        found = f"{store.address}: {_held(store)}"
        try:
            try_it(store)
        except StoreAwayError as error:
            return fail(f"{found}; {error}", "archivers wait meanwhile: make room, or mend the way")
        except StoreError as error:
            what, _, todo = str(error).partition("; ")
            return warn(f"{found}; {what}", f"enough for commands that read, not for an archiver: {todo}")
    free = None if folder is None else shutil.disk_usage(folder).free
    if free is not None and free < LEAST_SEGMENTS * settings.archive_segment_bytes:
        return warn(f"{found}; {free >> 20} MiB free", "make room: a full archive takes in nothing")
    return ok(f"{found}; it can be written")


def _folder_to_be(folder: Path) -> Finding:
    """Nothing is made by looking."""
    if why := unwritable(nearest(folder)):
        return fail(f"{folder} is not there, and cannot be made: {why}", "name another, or let this user write there")
    return warn(f"{folder} is not there yet", "an archiver makes it; is it a folder of this machine?")


def _held(store: Store) -> str:
    names = [name for each in store.list(SEGMENTS) if (name := parse_path(each.path)) is not None]
    if not names:
        return "no segments"
    noun = "segment" if len(names) == 1 else "segments"
    return f"{len(names):,} {noun} of {_models(names)}, the newest of {max(name.group.day for name in names)}"


def _models(names: list[SegmentName]) -> str:
    models = sorted({name.group.fingerprint for name in names})
    return f"model {models[0]}" if len(models) == 1 else f"{len(models)} models"
