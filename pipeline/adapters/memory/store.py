"""An archive's store in this process's memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from threading import Lock
from typing import BinaryIO

from pipeline.ports import Stored
from pipeline.rules.archive.names import checked_name


class MemoryStore:
    """A `Store` that forgets when the process ends."""

    address = "memory"

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, int]] = {}
        self._versions = 0
        self._lock = Lock()

    def create(self, path: str, data: bytes) -> bool:
        with self._lock:
            if checked_name(path) in self._objects:
                return False
            self._put(path, data)
            return True

    def replace(self, path: str, data: bytes, version: str | None = None) -> bool:
        with self._lock:
            if version is not None and (path not in self._objects or str(self._objects[path][1]) != version):
                return False
            self._put(path, data)
            return True

    def read(self, path: str) -> bytes:
        try:
            return self._objects[checked_name(path)][0]
        except KeyError:
            raise FileNotFoundError(path) from None

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self.read(path))

    def local(self, path: str) -> str | None:  # noqa: ARG002 - as the port has it
        return None

    def list(self, prefix: str = "") -> Iterator[Stored]:
        with self._lock:
            found = sorted((path, *held) for path, held in self._objects.items() if path.startswith(prefix))
        return (Stored(path, len(data), str(version)) for path, data, version in found)

    def delete(self, path: str) -> None:
        with self._lock:
            self._objects.pop(checked_name(path), None)

    def close(self) -> None:
        """Nothing is held."""

    def _put(self, path: str, data: bytes) -> None:
        self._versions += 1
        self._objects[checked_name(path)] = (data, self._versions)
