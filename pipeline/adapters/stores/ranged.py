"""An object as a file to seek in, of which only what is asked for is fetched."""

from __future__ import annotations

import io
from collections.abc import Callable

Read = Callable[[int, int], memoryview]
"""The bytes from a first one up to and without a last one."""


class RangedFile(io.RawIOBase):
    """A file of `size` bytes; each read is a request. Not safe to share between threads."""

    def __init__(self, size: int, read: Read) -> None:
        self._size = size
        self._read = read
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"no place {start + offset} in a file")
        self._at = start + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        return bytes(self.read_buffer(size))

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        got = self.read_buffer(len(into))
        into[: len(got)] = got
        return len(got)

    def read_buffer(self, size: int | None = -1) -> memoryview:
        """As `read`, without a copy: what pyarrow calls where it is there."""
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return memoryview(b"")
        got = self._read(self._at, end)
        self._at += len(got)
        return got
