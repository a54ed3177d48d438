"""An archive's store in a bucket of S3, Google Cloud Storage or Azure Blob Storage, or in a part of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from pipeline.adapters.stores.connections import StoreOptions, connect
from pipeline.adapters.stores.faults import fault_of
from pipeline.adapters.stores.ranged import RangedFile
from pipeline.bounded import within
from pipeline.errors import StoreAwayError, StoreChangedError, StoreError
from pipeline.ports import Stored
from pipeline.rules.archive.names import checked_name
from pipeline.rules.claims import Location

if TYPE_CHECKING:  # the library's types exist for type checkers alone
    from obstore import ObjectMeta, PutMode, UpdateVersion

T = TypeVar("T")

_ATTEMPTS = 3
_LONGEST = 1024
"""Bytes of a name, in each of these stores."""


class BucketStore:
    """A `Store` of the objects whose names begin with a location's, if it has more than a bucket.

    `timeout` (seconds) bounds each call with its repeated attempts, and each page of a listing.
    """

    def __init__(self, location: Location, options: StoreOptions, *, timeout: float) -> None:
        """Raises `ServiceError` where the store cannot be set up; whether it answers is not asked."""
        self.address = str(location) if location.segments else location.store
        self._below = f"{location.key}/" if location.segments else ""
        self._timeout = timeout
        self._connection = connect(location, options, timeout, keep=True)

    def create(self, path: str, data: bytes) -> bool:
        for _ in range(_ATTEMPTS):
            try:
                self._put(path, data, "create")
            except AlreadyExistsError:
                if self._there(path):
                    return False
                # S3 says "conflict" to one of two that create an object at once, and there may be none afterwards.
                continue
            return True
        raise StoreAwayError(f"the archive {self.address} cannot write {path}: others write it at the same time")

    def replace(self, path: str, data: bytes, version: str | None = None) -> bool:
        try:
            self._put(path, data, "overwrite" if version is None else self._still(path, version))
        except (PreconditionError, FileNotFoundError):
            return False
        return True

    def read(self, path: str) -> bytes:
        return self._ask(f"read {path}", lambda: bytes(obstore.get(self._connection, self._key(path)).bytes()))

    def open(self, path: str) -> BinaryIO:
        key, what = self._key(path), f"read {path}"
        found = self._ask(what, lambda: obstore.head(self._connection, key))
        etag = found["e_tag"]

        def read(start: int, end: int) -> memoryview:
            try:
                got = self._ask(what, lambda: self._range(key, etag, start, end))
            except (PreconditionError, FileNotFoundError) as error:
                raise StoreChangedError(
                    f"{path} in the archive {self.address} was replaced or removed while it was read"
                ) from error
            return got

        return cast("BinaryIO", RangedFile(found["size"], read))

    def local(self, path: str) -> str | None:  # noqa: ARG002 - as the port has it
        return None

    def list(self, prefix: str = "") -> Iterator[Stored]:
        folder, _, stem = (self._below + prefix).rpartition("/")
        if not stem:
            found = self._all(folder)
        else:
            level = self._ask("be listed", lambda: obstore.list_with_delimiter(self._connection, folder or None))
            below = [each for each in level["common_prefixes"] if f"{each}/".startswith(self._below + prefix)]
            found = [*level["objects"], *(each for folder in below for each in self._all(folder))]
        stored = (
            Stored(each["path"][len(self._below) :], each["size"], _version(each))
            for each in found
            if each["path"].startswith(self._below + prefix)
        )
        return iter(sorted(stored))

    def delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._ask(f"delete {path}", lambda: obstore.delete(self._connection, self._key(path)))

    def close(self) -> None:
        """Nothing to do: the library closes connections that are idle."""

    def _there(self, path: str) -> bool:
        try:
            self._ask(f"look at {path}", lambda: obstore.head(self._connection, self._key(path)))
        except FileNotFoundError:
            return False
        return True

    def _all(self, folder: str) -> Sequence[Any]:
        """What the library says of each object below that folder."""
        pages = iter(obstore.list(self._connection, folder or None, chunk_size=1000))
        found: MutableSequence[Any] = []
        while page := self._ask("be listed", lambda: next(pages, None)):
            found.extend(page)
        return found

    def _put(self, path: str, data: bytes, mode: PutMode) -> None:
        key = self._key(path)
        self._ask(f"write {path}", lambda: obstore.put(self._connection, key, data, mode=mode, use_multipart=False))

    def _still(self, path: str, version: str) -> UpdateVersion:
        """What makes a store write over that version alone. Raises `PreconditionError` where there is another.

        Google's goes by a number that its listings do not have.
        """
        found = self._ask(f"look at {path}", lambda: obstore.head(self._connection, self._key(path)))
        if _version(found) != version:
            raise PreconditionError(path)
        return cast("UpdateVersion", {key: value for key in ("e_tag", "version") if (value := found[key])})

    def _range(self, key: str, etag: str | None, start: int, end: int) -> memoryview:
        found = obstore.get(self._connection, key, options={"if_match": etag, "range": (start, end)})
        return memoryview(found.bytes())

    def _key(self, path: str) -> str:
        """The object's whole name. Raises `StoreError` for a path that leads elsewhere, or that no store takes."""
        key = self._below + checked_name(path)
        if len(key.encode()) > _LONGEST:
            raise StoreError(f"{path[:100]!r}... is a longer name than the archive {self.address} takes")
        return key

    def _ask(self, what: str, call: Callable[[], T]) -> T:
        """What the call returns, in time. Raises ``FileNotFoundError``, what conditions raise, and `StoreError`s."""
        try:
            return within(self._timeout, call)
        except TimeoutError as error:
            raise StoreAwayError(f"the archive {self.address} cannot {what}: {error}; it is tried again") from error
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError, ValueError) as error:
            raise fault_of(str(error), self.address, what) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # what breaks in Rust is no Exception
                raise
            raise StoreError(f"the archive {self.address} cannot {what}: the client broke: {error}") from error


def _version(found: ObjectMeta) -> str:
    """The same for an object that is looked at and one that is listed; Azure has quotes about the first alone."""
    return str(found["e_tag"] or found["last_modified"]).strip('"')
