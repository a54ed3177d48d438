"""Erasures that a selection asks for: each on a thread of its own, since it may take minutes, with a receipt."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from secrets import token_hex

import structlog

from pipeline.archive.erasing.erasure import Asked, Found, erase
from pipeline.archive.erasing.receipts import Said, receipt_json, receipt_of
from pipeline.errors import ServiceError, SluiceError
from pipeline.rules.archive.denied import Kind
from pipeline.wire import rfc3339
from workers.console.reach import Reach
from workers.console.search.result import Hit

KEPT = 64
_log = structlog.get_logger("sluice.console")


@dataclass
class Erasure:
    """One erasure; `receipt` is there once it has ended, or `failed` says why it has not."""

    images: Sequence[str]
    by: str
    receipt: bytes = b""
    failed: str = ""
    rows: int = 0
    events: int = 0

    @property
    def runs(self) -> bool:
        return not (self.receipt or self.failed)


def confirmation(count: int) -> str:
    """What is typed to confirm that so many images go."""
    return f"erase {count} image{'' if count == 1 else 's'}"


class Erasures:
    """Those of this process by their names. One works at a time; safe to share."""

    def __init__(self, reach: Reach, ended: Callable[[], object]) -> None:
        self._reach = reach
        self._ended = ended
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._kept: OrderedDict[str, Erasure] = OrderedDict()

    def begin(self, hits: Sequence[Hit], by: str) -> str:
        """Begin to erase the images of these hits; returns the name of the erasure."""
        images = list(dict.fromkeys(each.nearby.image_id for each in hits))
        made, name = Erasure(images, by), token_hex(8)
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        threading.Thread(target=self._run, args=(made,), name="sluice-console-erasing").start()
        return name

    def get(self, name: str) -> Erasure | None:
        with self._lock:
            return self._kept.get(name)

    def _run(self, made: Erasure) -> None:
        with self._turn:
            try:
                made.receipt = self._erased(made)
                _log.info("console_erased", who=made.by, events=made.events, rows=made.rows)
            except SluiceError as error:
                made.failed = str(error)
            except Exception as error:  # noqa: BLE001 - the page says so, and the log what it was
                made.failed = f"{type(error).__name__}: {error}"
                _log.exception("console_erasure_failed")
            finally:
                self._ended()

    def _erased(self, made: Erasure) -> bytes:
        if self._reach.archive is None:
            raise ServiceError("there is no archive to erase from")
        asked = [Asked(Kind.IMAGE, each) for each in made.images]
        began = rfc3339(time.time())
        with self._reach.archive() as archive:
            found: Found = erase(archive.store, asked, began, made.by, lambda *_: None)
            said = Said(archive.store.address, made.by, began, rfc3339(time.time()), version("sluice"))
        made.rows, made.events = found.rows, found.events
        return receipt_json(receipt_of(found, [each.erased for each in asked], said)) + b"\n"
