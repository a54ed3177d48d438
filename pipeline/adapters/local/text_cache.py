"""Text features kept on this machine's disk: a process that starts again need not ask the model for them."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from pipeline.adapters.feature_values import decode_vectors, encode_vector
from pipeline.ports import Hooks
from pipeline.signals import Features

NAME = "text-features-v1.sqlite"
MOST_BYTES = 256 * 1024 * 1024
_PATIENCE = 0.5
"""Seconds to wait for another process that writes, before doing without."""
_MODELS = "CREATE TABLE IF NOT EXISTS models (fingerprint TEXT PRIMARY KEY, put REAL)"
_TEXTS = """CREATE TABLE IF NOT EXISTS texts
(fingerprint TEXT, digest TEXT, features BLOB, PRIMARY KEY (fingerprint, digest))"""
_FIND = "SELECT digest, features FROM texts WHERE fingerprint = ? AND digest IN (SELECT value FROM json_each(?))"
_log = structlog.get_logger(__name__)


class DiskTextCache:
    """A `TextCache` in one file of a folder, which any number of processes share.

    The file is SQLite's and its owner's alone, and has no sentences, only their digests. Beyond `most` bytes it
    forgets models, first those that nothing was put for the longest. A folder that cannot be written, or a file that
    is locked, is done without, and a damaged file is made anew.
    """

    def __init__(self, folder: Path, hooks: Hooks | None = None, most: int = MOST_BYTES) -> None:
        self.path = folder / NAME
        self._hooks = hooks or Hooks()
        self._most = most

    def get(self, fingerprint: str, digests: Sequence[str], dimension: int) -> dict[str, Features]:
        """What the file has; what cannot be features of that dimension is left out."""
        wanted, found = list(dict.fromkeys(digests)), dict[str, object]()
        if wanted and self.path.exists():
            with self._opened("ro") as file:
                found = dict(file.execute(_FIND, (fingerprint, json.dumps(wanted))))
        values = {digest: value for digest, value in found.items() if isinstance(value, bytes)}
        good = decode_vectors(values, dimension)
        self._hooks.text_cache("hit", len(good))
        self._hooks.text_cache("miss", len(wanted) - len(good))
        return good

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        """Overwrites what was there."""
        if not features or not self._is_there():
            return
        with self._opened("rw") as file:
            for statement in ("PRAGMA auto_vacuum = FULL", _MODELS, _TEXTS):  # what is forgotten leaves the file
                file.execute(statement)
            with file:
                file.execute("INSERT OR REPLACE INTO models VALUES (?, ?)", (fingerprint, time.time()))
                rows = ((fingerprint, digest, encode_vector(vector)) for digest, vector in features.items())
                file.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", rows)
                self._forget(file)

    def close(self) -> None:
        """Nothing to free: no call leaves the file open."""

    def _is_there(self) -> bool:
        """Whether there is a file to write to; makes it where there is none."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            _log.debug("text_features_not_kept", file=str(self.path), reason=error.strerror)
            return False
        return True

    @contextmanager
    def _opened(self, mode: str) -> Iterator[sqlite3.Connection]:
        """The file, or the end of the block where it cannot be used."""
        try:
            address = f"{self.path.absolute().as_uri()}?mode={mode}"
            with closing(sqlite3.connect(address, timeout=_PATIENCE, uri=True)) as file:
                yield file
        except sqlite3.OperationalError as error:  # locked, full, not ours to write, without tables as yet
            _log.debug("text_features_not_kept", file=str(self.path), reason=str(error))
        except (sqlite3.DatabaseError, UnicodeError, OverflowError) as error:
            _log.warning("text_features_made_anew", file=str(self.path), reason=str(error))
            self._remove()

    def _forget(self, file: sqlite3.Connection) -> None:
        while _size(file) > self._most:
            oldest = file.execute("SELECT fingerprint FROM models ORDER BY put LIMIT 1").fetchone()
            if oldest is None:
                return
            file.execute("DELETE FROM texts WHERE fingerprint = ?", oldest)
            file.execute("DELETE FROM models WHERE fingerprint = ?", oldest)

    def _remove(self) -> None:
        for path in (self.path, self.path.with_name(f"{NAME}-journal")):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _log.debug("text_features_not_removed", file=str(path), reason=error.strerror)


def _size(file: sqlite3.Connection) -> int:
    pages, free, size = (
        file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int(pages - free) * int(size)
