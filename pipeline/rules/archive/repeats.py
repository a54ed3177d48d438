"""Which records repeat an event that is kept already, perhaps with another decision: the first one stays."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable


class Repeats:
    """The events kept of the last `window` records of one partition; about 300 bytes of memory each.

    Whether a record is a repeat depends on the records before it alone, so that all who read the partition agree,
    once they have been told of what was kept within the window before they began.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._kept: OrderedDict[str, int] = OrderedDict()
        """By event id, in the order of their offsets."""

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, kept: Iterable[tuple[int, str]]) -> None:
        """Offsets and event ids of records that are kept, in any order."""
        later = [(offset, event_id) for offset, event_id in kept if offset > self._kept.get(event_id, -1)]
        if later:
            together = {**self._kept, **{event_id: offset for offset, event_id in later}}
            self._kept = OrderedDict(sorted(together.items(), key=lambda each: each[1]))

    def is_repeat(self, offset: int, event_id: str) -> bool:
        """Whether the event is kept within the window before this record. Where it is not, it counts as kept now."""
        self._forget(offset - self._window)
        if event_id in self._kept:
            return True
        self._kept[event_id] = offset
        return False

    def _forget(self, before: int) -> None:
        kept = self._kept
        while kept and next(iter(kept.values())) < before:
            kept.popitem(last=False)
