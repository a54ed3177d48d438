"""Pictures that are searched for: uploaded ones, remembered by their features alone, and those of events."""

from __future__ import annotations

import time
from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from pipeline.archive.block import FEATURES
from pipeline.archive.lookup import events_called, newest_first
from pipeline.errors import ItemError, UsageError
from pipeline.rules.archive.remembered import as_kept
from pipeline.signals import Features
from workers.console.pictures.archived import window_of_day
from workers.search.pictures import Pictured

if TYPE_CHECKING:
    from pipeline.archive.archive import Archive
    from pipeline.ports import Decoder
    from workers.assembly import Judge

KEPT = 64
PATIENCE = 10.0
"""Seconds to look for an event."""


class Uploads:
    """Uploaded pictures by their hash; the last ones, and of them what the model saw. Safe to share."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, Pictured] = OrderedDict()

    def take(self, image: bytes, judge: Judge) -> str:
        """The name under which a picture is remembered from now on. Raises `UsageError` for what is none."""
        name = sha256(image).hexdigest()
        seen = pictured(image, judge.model.decoder, judge)
        with self._lock:
            self._kept[name] = seen
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Pictured:
        """Raises `UsageError` for one that is not remembered."""
        with self._lock:
            if name not in self._kept:
                raise UsageError("the picture is not remembered any more; choose it again")
            self._kept.move_to_end(name)
            return self._kept[name]


def pictured(image: bytes, decoder: Decoder, judge: Judge) -> Pictured:
    """What the model sees in it. Raises `UsageError` for what is no picture."""
    try:
        features = judge.model.encoder.encode_images(decoder.decode(image).pixels)
    except ItemError as error:
        raise UsageError(f"that is no picture that can be read: {error}") from error
    made_by = judge.model.provenance
    return Pictured(as_kept(features), made_by.model.fingerprint, made_by.preprocess)


def archived(archive: Archive, event_id: str, day: str) -> Pictured | None:
    """The views of an event, which an image's or a decision's id names too; None where it is not found in time."""
    window, ends = window_of_day(day), time.monotonic() + PATIENCE
    segments = iter(newest_first(archive.segments(window)))
    in_time = (each for each in segments if time.monotonic() < ends)
    for block, event in events_called(archive, in_time, {event_id}, FEATURES, window):
        group = block.segment.name.group
        views = block.views(np.arange(*block.offsets[event : event + 2]))
        return Pictured(_wide(views), group.fingerprint, group.preprocess)
    return None


def _wide(views: np.ndarray) -> Features:
    return np.ascontiguousarray(views.astype(np.float32))
