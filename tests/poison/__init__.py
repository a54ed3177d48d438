"""Images that make a decoder crash, hang or run wild, for decoders that are made to obey them.

`PoisonedDecoder` is such a decoder. A whole worker, or a fleet, has one with the folder `SITE` in front of its
``PYTHONPATH`` and that of this tree behind it: Pillow's own decoder obeys in every Python that starts so.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.adapters.pillow import PillowDecoder
from pipeline.ports import Decoded

SITE = Path(__file__).parent / "site"
_MARK = b"sluice-poison:"


def _allocate() -> None:
    held = []
    while True:
        held.append(bytearray(64 << 20))


def _raise() -> None:
    raise RuntimeError("a fault of the decoder's own")


def _hold_the_lock() -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")  # the interpreter's lock is not let go of for the age of the universe


def _spin() -> None:
    while True:
        pass


def _exit() -> None:
    os._exit(3)


def _read_nowhere() -> None:
    ctypes.string_at(0)


def _sleep() -> None:
    time.sleep(3600)


def _go_wild() -> None:
    """Write to every descriptor, as code that a stranger's bytes have taken over might."""
    for fd in range(64):
        try:
            os.write(fd, b"\xff" * 4096)
        except OSError:
            continue
    time.sleep(3600)


def _map() -> None:
    held = []
    while True:
        held.append(mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        held[-1].write(b"x" * (64 << 20))


DEEDS: dict[str, Callable[[], None]] = {
    "abort": os.abort,
    "exit": _exit,
    "segfault": _read_nowhere,
    "sleep": _sleep,
    "spin": _spin,
    "lock": _hold_the_lock,
    "memory": _allocate,
    "map": _map,
    "raise": _raise,
    "wild": _go_wild,
}


def poison(image: bytes, deed: str) -> bytes:
    """A JPEG with the mark of one of the `DEEDS` in a comment; for every other decoder the same picture."""
    text = _MARK + deed.encode() + b";"
    return image[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + image[2:]


def obey(image: bytes) -> None:
    """Do what the image's mark says, if it has one."""
    at = image.find(_MARK)
    if at >= 0:
        DEEDS[image[at + len(_MARK) : image.index(b";", at)].decode()]()


class PoisonedDecoder(PillowDecoder):
    """Pillow's decoder, which obeys marks."""

    def decode(self, image: bytes) -> Decoded:
        obey(image)
        return super().decode(image)
