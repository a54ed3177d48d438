"""Which entries of one list, and which pictures, some images fit: the same for every policy that names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.rules.heads.stacked import Stacked
from pipeline.rules.known.entries import Entries
from pipeline.rules.known.exact import words_of
from pipeline.rules.known.looks import Looks
from pipeline.signals import Signals

LEAST_QUALITY = 50
"""Of a PDQ hash, of 100: below it a picture has too few edges to be told from others, say PDQ's authors."""
NO_HASH = bytes(32)
"""Stands for the hash of bytes that is not known; no bytes are known that have it."""


@dataclass(frozen=True, slots=True)
class Fit:
    """That a part of an image, or all of it, is known."""

    image: int
    kind: Literal["sha256", "pdq", "picture"]
    source: int = 0
    """The list or picture, as an index in those of a policy's side."""
    entry: int = 0
    """In a list."""
    part: int = 0
    """Of a PDQ the image's hash that fits, of a picture its view; both by their index in the image."""
    closeness: float = 1.0
    """Of a PDQ the share of bits that are the same, of a picture the cosine."""


def fits_of_list(entries: Entries, images: Sequence[Signals], day: int) -> list[Fit]:
    """The entries that count on that day, for each image that fits some."""
    return [*_by_bytes(entries, images, day), *_by_pdq(entries, images, day)]


def fits_of_looks(looks: Looks, alike: float, views: Stacked) -> list[Fit]:
    """For each view that looks like a picture, the one that it looks most like."""
    owners, cosines = looks.nearest(views.features)
    found = []
    for row in np.flatnonzero(cosines >= alike).tolist():
        image = int(np.searchsorted(views.offsets, row, "right")) - 1
        part = row - views.offsets[image]
        found.append(Fit(image, "picture", source=int(owners[row]), part=part, closeness=float(cosines[row])))
    return found


def _by_bytes(entries: Entries, images: Sequence[Signals], day: int) -> Iterator[Fit]:
    if not len(entries.exact):
        return
    digests = b"".join([bytes.fromhex(each.content_sha256) or NO_HASH for each in images])
    found = entries.exact.find(words_of(digests))
    for image in np.flatnonzero((found >= 0) & (entries.last_days[found] >= day)).tolist():
        if images[image].content_sha256:
            yield Fit(image, "sha256", entry=int(found[image]))


def _by_pdq(entries: Entries, images: Sequence[Signals], day: int) -> Iterator[Fit]:
    if not len(entries.near):
        return
    for image, signals in enumerate(images):
        for part, (words, quality) in enumerate(() if signals.pdq is None else signals.pdq):
            if quality < LEAST_QUALITY:
                continue
            found, distances = entries.near.within(words)
            counting = entries.last_days[found] >= day
            for entry, distance in zip(found[counting].tolist(), distances[counting].tolist(), strict=True):
                yield Fit(image, "pdq", entry=entry, part=part, closeness=1 - distance / 256)
