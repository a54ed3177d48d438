"""Where an archive lies: a folder or a bucket, as a flat set of named objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol


class Stored(NamedTuple):
    """An object as a listing tells of it; `version` changes whenever its bytes do."""

    path: str
    bytes: int
    version: str


class Store(Protocol):
    """Named objects; names are paths with ``/``. Safe to call from many threads.

    Calls block for a bounded time. `StoreAwayError` is raised when the store cannot be reached for now, or is full;
    other `StoreError`s say what a person must change.
    """

    address: str
    """As a person gave it, for messages; without credentials."""

    def create(self, path: str, data: bytes) -> bool:
        """Write an object that is not there yet, and return once it is durable.

        False, and nothing changes, where there is one. Nobody ever sees a part of it.
        """

    def replace(self, path: str, data: bytes, version: str | None = None) -> bool:
        """Write an object, over what may be there. Nobody ever sees a part; durable on return.

        With a `version`, only where the object is there in that version: false, and nothing changes, where it is not.
        """

    def read(self, path: str) -> bytes:
        """The whole object. Raises ``FileNotFoundError`` where there is none."""

    def open(self, path: str) -> BinaryIO:
        """The object's bytes as a file to seek in, of one version.

        Where it is replaced meanwhile, a read goes on with what was there, or raises `StoreChangedError`. Raises
        ``FileNotFoundError``.
        """

    def local(self, path: str) -> str | None:
        """The name of a file on this machine that is the object, which may be mapped; None where there is none."""

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """The objects whose path begins so, sorted by path."""

    def delete(self, path: str) -> None:
        """Remove an object; nothing happens where there is none."""

    def close(self) -> None:
        """Free connections. Idempotent."""
