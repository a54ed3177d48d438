"""Finds how many images a CPU core takes best in one pass, by trying it on the machine at hand."""

from __future__ import annotations

from collections.abc import Callable

LEAST = 8
"""Images. A smaller pass has too few to share its fixed costs: choosing kernels, reading weights."""
LONG = 0.1
"""Seconds. The fixed costs of such a pass are nothing beside it, and a larger one would only overflow the caches."""
CLEARLY = 0.95
"""An image must cost at most this share of what it costs in a smaller pass: the rest is noise."""


def best_pass(trial: Callable[[int], tuple[float, float]], most: int) -> int:
    """Images in the pass that costs the least an image, of `LEAST`, twice that, and so on up to `most`.

    `trial` makes a pass of that many images on every core at once, and returns its seconds of CPU time and of the
    clock. All cores take part, since they share caches and memory: of ViT-B-32 two passes of 32 images side by side
    cost 37 ms an image, two of 16 cost 30 to 39, two of 8 28, and one of 32 with the other core idle 28. Of the
    bundled model an image costs the same in a pass of 8, of 16 and of 32: 0.9 ms, alone in a pass 1.8.
    """
    best, least = min(LEAST, most), float("inf")
    size = best
    while size <= most:
        cpu, seconds = trial(size)
        if seconds <= LONG:  # the first pass of a size also chooses its kernels
            cpu = min(cpu, trial(size)[0])
        if cpu / size < least * CLEARLY:
            best, least = size, cpu / size
        if seconds > LONG:
            break
        size *= 2
    return best
