"""Which requests go to the device together: whatever is waiting when it falls free, up to a maximum.

No timer: a lone request starts at once, and under load batches fill by themselves while the device is busy
(Triton and Infinity batch like this; a timer would only add its delay to every request that finds the device idle).
"""

from __future__ import annotations

from collections.abc import Sequence


def take(waiting: Sequence[int], most: int) -> int:
    """How many requests, from the oldest, go together: `waiting` holds their sizes, `most` the sum's limit.

    At least one where any waits: a request beyond the limit goes alone, and the encoder parts it. Order is kept, so
    that a large request is not passed by small ones for ever.
    """
    total = 0
    for count, size in enumerate(waiting):
        total += size
        if total > most and count:
            return count
    return len(waiting)
