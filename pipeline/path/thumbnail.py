"""thumbnail: of the decided images of which one is wanted, a small picture goes into what the archive remembers."""

from __future__ import annotations

import structlog
from msgspec.structs import replace

from pipeline.errors import StopError
from pipeline.items import Batch, Item
from pipeline.ports import Decoder, Hooks
from pipeline.rules.archive.thumbnails import Wanted, shown_frame

_log = structlog.get_logger(__name__)


class Thumbnail:
    """What goes wrong here fails no item: its decision is remembered without a thumbnail, and a log line says so."""

    name = "thumbnail"

    def __init__(self, decoder: Decoder, wanted: Wanted, hooks: Hooks) -> None:
        self._decoder = decoder
        self._wanted = wanted
        self._hooks = hooks

    def __call__(self, batch: Batch) -> Batch:
        """Put thumbnails into `features`, and let go of every `image`."""
        for item in batch.unfailed():
            if item.features is not None and self._wanted.is_wanted(item.features.decision):
                self._make(item)
        for item in batch.items:
            item.image = b""
        return batch

    def _make(self, item: Item) -> None:
        record = item.features
        if record is None:
            return
        try:
            made = self._decoder.thumbnail(item.image, shown_frame(record.decision))
        except StopError:
            raise
        except Exception as error:  # noqa: BLE001 - any type of exception can come out of a stranger's bytes
            self._hooks.thumbnail("failed")
            _log.warning("thumbnail_failed", event_at=str(item.event), error=str(error) or type(error).__name__)
        else:
            self._hooks.thumbnail("made")
            item.features = replace(record, thumbnail=made)
