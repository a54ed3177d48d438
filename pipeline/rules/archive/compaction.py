"""Which neighbours of a chain are worth merging."""

from __future__ import annotations

from collections.abc import Sequence


def runs(sizes: Sequence[int], target: int) -> list[range]:
    """Neighbours that become one: two or more each, of at most `target` together; `sizes` in the order of a chain.

    What has half of that or more is left as it is, so that nothing large is written again for a small neighbour.
    """
    found: list[range] = []
    begin = held = 0
    for at, size in enumerate([*sizes, target]):
        large = size * 2 >= target
        if large or held + size > target:
            found.append(range(begin, at))
            begin, held = at, 0
        held += size
        if large:
            begin, held = at + 1, 0
    return [run for run in found if len(run) > 1]
