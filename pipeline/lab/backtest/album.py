"""Images that a backtest tells of by themselves, as figures: blurred until somebody asks to see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.lab.backtest import words
from pipeline.lab.backtest.record import Near
from pipeline.lab.pages import figure, pictures, rows, veiled, webp

ROOM = 10_000_000
"""Bytes of pictures on one page, as the page holds them."""
MOST = 3_000
"""Images on one page, with a picture or without."""


class Album:
    """Shows images in the order in which it is given them, as long as the page has room, and counts the rest."""

    def __init__(self, room: int = ROOM, most: int = MOST) -> None:
        self._room, self._most = room, most
        self.pictures = 0
        self.without_room = 0
        """Images whose picture had no room; they are told of in words."""
        self.left_out = 0
        """Images that are not even told of."""

    def show(self, images: Sequence[Near]) -> str:
        """Those with a picture as figures, and the others as a table. Of the same picture only the first is shown."""
        told = images[: self._most]
        same = Counter(image.thumbnail for image in told)
        self._most -= len(told)
        self.left_out += len(images) - len(told)
        figures, plain, seen = [], [], set[bytes]()
        for image in told:
            if image.thumbnail in seen:
                continue
            picture = self._picture(image)
            if picture and image.thumbnail is not None:
                seen.add(image.thumbnail)
                figures.append(_figure(image, picture, same[image.thumbnail] - 1))
            else:
                plain.append((image.image_id, words.score(image), words.change(image), words.when(image)))
        shown = pictures(figures) if figures else ""
        columns = ("image", "score", "outcome", "decided (UTC)")
        return shown + (rows(columns, plain, figures=(1, 3)) if plain else "")

    def _picture(self, image: Near) -> str:
        if image.thumbnail is None:
            return ""
        picture = webp(image.thumbnail)
        if len(picture) > self._room:
            self.without_room += 1
            return ""
        self._room -= len(picture)
        self.pictures += 1
        return picture


def _figure(image: Near, picture: str, others: int) -> str:
    said = f"score {words.score(image)}, {words.change(image)}"
    more = f"and {others:,} more with this very picture" if others else ""
    return figure(veiled(picture, image.image_id, said), image.image_id, (said, words.when(image), more))
