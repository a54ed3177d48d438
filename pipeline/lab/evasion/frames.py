"""One frame among many. The others pass in a blink; the one that shows the picture stays for a second and more."""

from __future__ import annotations

from PIL import Image

from pipeline.lab.evasion.saved import Animated, animation
from pipeline.lab.evasion.trick import Aside, Make

_SIZE = (144, 144)
_BLINK, _STAY = 20, 1500
"""Milliseconds that a decoy and the picture are shown."""


def strobing(form: Animated, place: float | None = None) -> Make:
    """Among decoys that all differ, at a `place` from 0 (first) to 1 (last), or without one anywhere inside.

    The strength is the number of frames.
    """

    def make(picture: Image.Image, aside: Aside, count: float) -> bytes:
        frames = aside.decoys(round(count) - 1, _SIZE)
        aside.draw.shuffle(frames)
        at = aside.draw.randint(1, len(frames) - 1) if place is None else round(place * len(frames))
        frames.insert(at, picture.resize(_SIZE))
        return _lasting(frames, at, form)

    return make


def in_a_still(picture: Image.Image, aside: Aside, count: float) -> bytes:
    """Once among repetitions of one harmless picture, each a shade apart from the last."""
    still = aside.decoys(1, _SIZE)[0]
    frames = [still.point(lambda level, step=step: level - step % 2) for step in range(round(count) - 1)]
    at = aside.draw.randint(1, len(frames) - 1)
    frames.insert(at, picture.resize(_SIZE))
    return _lasting(frames, at, "WEBP")


def faded_in(picture: Image.Image, aside: Aside, count: float) -> bytes:
    """Swelling over a harmless picture to most of its strength and away again, among decoys."""
    small = picture.resize(_SIZE)
    still, *decoys = aside.decoys(round(count) - 2, _SIZE)
    swell = [Image.blend(still, small, share) for share in (0.4, 0.75, 0.4)]
    at = aside.draw.randint(1, len(decoys) - 1)
    frames = [*decoys[:at], *swell, *decoys[at:]]
    return _lasting(frames, at + 1, "WEBP")


def revealed(picture: Image.Image, aside: Aside, count: float) -> bytes:
    """Drawn strip by strip over a harmless picture until it is whole, then wiped away as it came."""
    small, (still,) = picture.resize(_SIZE), aside.decoys(1, _SIZE)
    half = round(count) // 2
    frames = []
    for step in [*range(half + 1), *range(half - 1, 0, -1)]:
        frame = still.copy()
        frame.paste(small.crop((0, 0, _SIZE[0], _SIZE[1] * step // half)))
        frames.append(frame)
    return _lasting(frames, half, "WEBP")


def _lasting(frames: list[Image.Image], at: int, form: Animated) -> bytes:
    return animation(frames, [_STAY if index == at else _BLINK for index in range(len(frames))], form)
