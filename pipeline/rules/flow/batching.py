"""Which requests go to the device together, and the batch sizes that it is prepared for.

Whatever is waiting goes when the device falls free, up to a maximum. No timer: a lone request starts at once, and
under load batches fill by themselves while the device is busy (Triton and Infinity batch like this; a timer would
only add its delay to every request that finds the device idle).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

FINEST_STEP = 4
"""Images by which prepared sizes grow from 4 on: a device takes no longer for three images more."""
STEPS = 8
"""Prepared sizes for each doubling, once they are further apart than the finest step."""


def take(waiting: Sequence[int], most: int) -> int:
    """How many requests, from the oldest, go together: `waiting` holds their sizes, `most` the sum's limit.

    It is at least one where any waits: a request beyond the limit goes alone, and the encoder splits it. Order is
    kept, so that small requests do not overtake a large one for ever.
    """
    total = 0
    for count, size in enumerate(waiting):
        total += size
        if total > most and count:
            return count
    return len(waiting)


def prepared_sizes(most: int) -> tuple[int, ...]:
    """Batch sizes that a device is prepared for, ascending: 1, 2, 4, 8, 12 and so on, and `most` itself.

    A batch that is filled up to the next of them grows by three images at most, or by an eighth of itself. There are
    18 of them up to 64, and eight more with every doubling.
    """
    sizes, size = [1, 2], FINEST_STEP
    while size < most:
        sizes.append(size)
        power = 1 << (size.bit_length() - 1)
        size += max(FINEST_STEP, power // STEPS)
    return (*(each for each in sizes if each < most), most)


def filled_up(size: int, prepared: Iterable[int]) -> int | None:
    """The least prepared size that holds a batch of this one; None where none does."""
    return min((each for each in prepared if each >= size), default=None)
