"""Which sections a worker's path has, and on how many threads: plain data, which `runner` sets to work.

It depends on where the model computes and JPEGs are decoded, and on the number of cores::

    CORES    [ fetch recall ] -> [ decode encode decide ] x cores         -> [ publish ]
    DEVICE   [ fetch recall ] -> [ decode ] x cores -> [ encode ] x 2     -> [ decide publish ]
    SOCKET   [ fetch recall ] -> [ decode ] x cores -> [ encode ]         -> [ decide publish ]

With second looks ``look_again`` follows encode, on the same thread: it calls the decoder and the encoder for a few
images more. With thumbnails ``thumbnail`` follows decide, and both have a thread for each core. Where JPEGs are
decoded on a device, decode has `WAITING` threads, whatever the number of cores.

Sections overlap, and so do the threads of one; the stages of a section follow each other on one thread. Stages that
wait for others (stores, a device, the broker) are in another section than those that compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FLIGHTS = 2
"""Batches under way on a device at a time: one is computed while the next is copied. A third would only wait."""

WAITING = 16
"""Threads for what waits for others and not for a core: claim checks being fetched, JPEGs on a device."""

GATHERED = 8
"""Views that are worth a forward pass on a core. 16 clients on two cores gave passes of 4, in which an image of the
bundled model cost 5.3 ms of CPU, where it costs 4.1 in passes of 8."""


class Where(Enum):
    """Where the model computes."""

    CORES = "on the cores that decode"
    DEVICE = "on a device of this process"
    SOCKET = "in another process, behind a socket"


@dataclass(frozen=True, slots=True)
class Section:
    """Stages, by name, that follow each other on one thread; `threads` threads do so side by side."""

    stages: tuple[str, ...]
    threads: int = 1
    shares: int = 1
    """Into how many shares what waits is divided: a thread takes one, and leaves the rest to those that fall free."""
    gathers: int = 0
    """Views up to which a thread that is through the first stage takes what come meanwhile, where none is idle."""


def sections(
    where: Where,
    cores: int,
    *,
    jpegs_on_device: bool = False,
    looks_again: bool = False,
    thumbnails: bool = False,
) -> tuple[Section, ...]:
    """The sections in path order; every stage is in one of them.

    A model on the cores that decode shares a section with decoding, on a thread for each core. Apart they would take
    turns on those cores, each in the other's way, and a batch would be late by the share of the next: decoding one
    batch beside the forward pass of another cost 3.45 to 3.95 ms of CPU an image, where one after the other cost 2.9
    to 3.2. So there the encoder is called from all cores at once, and works on each call on its caller's thread. A
    thread that has decoded little looks for more first, up to `GATHERED` views.

    A device of this process gets `FLIGHTS` batches at a time. Through a socket one is enough: the other process has
    `FLIGHTS` of its own, made of what waits there from all its callers.
    """
    encode = ("encode", "look_again") if looks_again else ("encode",)
    decide = ("decide", "thumbnail") if thumbnails else ("decide",)
    # Thumbnails are drawn by the processes that decode: one thread would wait for one after the other.
    last = (Section(decide, cores, cores), Section(("publish",))) if thumbnails else (Section(("decide", "publish")),)
    decoders = WAITING if jpegs_on_device else cores
    table = {
        Where.CORES: (
            Section(("fetch", "recall")),
            Section(("decode", *encode, *decide), threads=cores, shares=cores, gathers=GATHERED),
            Section(("publish",)),
        ),
        Where.DEVICE: (
            Section(("fetch", "recall")),
            Section(("decode",), threads=decoders, shares=decoders),
            Section(encode, threads=FLIGHTS),
            *last,
        ),
        Where.SOCKET: (
            Section(("fetch", "recall")),
            Section(("decode",), threads=decoders, shares=decoders),
            Section(encode),
            *last,
        ),
    }
    return table[where]
