"""Rows here and there of a file that is mapped, read from the disk together, and nothing else with them.

Where each is read when it is touched, it waits for the one before, and the system reads megabytes around it.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOOKED_AT = 8
"""Rows of which it is asked whether they are in memory: to ask of all takes longer than to read them there."""
_libc = ctypes.CDLL(None)


def fetch(rows: NDArray[Any], wanted: NDArray[np.intp]) -> None:
    """Have some of mapped rows, by their indices, read from the disk, where not all of a few are in memory."""
    looked_at = wanted[:: max(1, len(wanted) // _LOOKED_AT)]
    if all(_in_memory(page) for page in _pages(rows, looked_at)[0].tolist()):
        return
    first, last = _pages(rows, np.unique(wanted))
    apart = np.flatnonzero(first[1:] > last[:-1] + 1)
    for start, end in zip(
        first[np.r_[0, apart + 1]].tolist(), last[np.r_[apart, len(last) - 1]].tolist(), strict=True
    ):
        size = (end - start + 1) * mmap.PAGESIZE
        _libc.madvise(ctypes.c_void_p(start * mmap.PAGESIZE), ctypes.c_size_t(size), mmap.MADV_WILLNEED)


def _pages(rows: NDArray[Any], wanted: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first page of each of these rows, and the last."""
    starts = rows.ctypes.data + wanted * rows.strides[0]
    return starts // mmap.PAGESIZE, (starts + rows.strides[0] - 1) // mmap.PAGESIZE


def _in_memory(page: int) -> bool:
    """Whether that page is, as far as the system tells: of another user's file it says so always."""
    found, start = ctypes.c_ubyte(), ctypes.c_void_p(page * mmap.PAGESIZE)
    failed = _libc.mincore(start, ctypes.c_size_t(mmap.PAGESIZE), ctypes.byref(found))
    return bool(failed) or bool(found.value & 1)  # the other bits are undefined
