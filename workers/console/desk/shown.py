"""On which of their pages a person was shown an image last."""

from __future__ import annotations

from collections.abc import Collection


class Shown:
    """Who leaves a page gives back what it shows, unless a page that they opened since shows it as well.

    A browser says that it leaves a page after it has opened the next one: after a reload the two show the same image.
    It is used under a lock of whoever holds it.
    """

    def __init__(self) -> None:
        self._pages: dict[tuple[str, str], str] = {}

    def on(self, who: str, event: str, page: str) -> None:
        """That page shows the image from now on; an empty one says that they have it and no page can leave it."""
        self._pages[who, event] = page

    def left(self, who: str, events: Collection[str], page: str) -> list[str]:
        """Those of the events that no later page of theirs shows."""
        return [each for each in events if self._pages.get((who, each), page) == page]

    def forget(self, who: str, event: str) -> None:
        """They have it in hand no more."""
        self._pages.pop((who, event), None)
