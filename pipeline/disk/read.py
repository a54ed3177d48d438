"""One file, whole, within a limit of bytes and of time, whatever kind of file it turns out to be."""

from __future__ import annotations

import errno
import os
import select
import stat

from pipeline.errors import ItemError, Reason

MOST_BYTES = 50_000_000
"""The default limit of a file; it is that of an image behind a claim check."""
PATIENCE = 10.0
"""Seconds without a byte after which a pipe or a terminal has nothing more to say."""
_CHUNK = 1 << 20

_LINKS = {errno.ENOENT: "a link that leads nowhere", errno.ELOOP: "a link that leads in a circle"}


def read_file(path: str, most: int = MOST_BYTES, patience: float = PATIENCE) -> bytes:
    """As `read_bytes`, for the path of an image: raises `ItemError` alone, FETCH_FAILED or TOO_LARGE."""
    try:
        return read_bytes(path, most, patience)
    except OSError as error:
        reason = error.strerror or str(error)
        if os.path.islink(path):
            reason = _LINKS.get(error.errno or 0, reason)
        raise ItemError(Reason.FETCH_FAILED, f"cannot be read: {reason}") from error


def read_bytes(path: str, most: int = MOST_BYTES, patience: float = PATIENCE) -> bytes:
    """The bytes of the file at `path`; blocks for as long as the disk takes, and no longer than `patience` on a pipe.

    Raises `OSError` when it cannot be read, and `ItemError` (TOO_LARGE) when it holds more than `most` bytes; no more
    of them are read than it takes to know.
    """
    # A pipe that nobody writes to would hold up a plain open for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _read(handle, most, patience)
    finally:
        os.close(handle)


def _read(handle: int, most: int, patience: float) -> bytes:
    kind = os.fstat(handle)
    if stat.S_ISREG(kind.st_mode) and kind.st_size > most:
        raise _too_large(f"{kind.st_size:,}", most)
    parts: list[bytes] = []
    size = 0
    while part := _next(handle, min(_CHUNK, most + 1 - size), patience):
        parts.append(part)
        size += len(part)
        if size > most:  # it grows while it is read, or it is a pipe
            raise _too_large("more", most)
    return b"".join(parts)


def _next(handle: int, most: int, patience: float) -> bytes:
    """The next bytes, none at the end. Raises TimeoutError when neither comes."""
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    while True:
        try:
            return os.read(handle, most)
        except BlockingIOError:
            if not waiting.poll(patience * 1000):
                raise TimeoutError(errno.ETIMEDOUT, f"nothing came for {patience:g} s") from None


def _too_large(size: str, most: int) -> ItemError:
    return ItemError(Reason.TOO_LARGE, f"{size} bytes, where {most:,} are the most (fetch_max_bytes)")
