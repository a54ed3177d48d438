"""What the tests send: small JPEGs, no two alike, and what a stranger might send instead of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tests.images import HTML, bomb_png, encoded, photograph


@dataclass(frozen=True)
class Hostile:
    """Bytes that are no picture, and the reason that its dead letter must give."""

    name: str
    value: bytes | None
    reason: str


def pictures(count: int, start: int = 0) -> list[bytes]:
    """`count` JPEGs of 48x32 pixels, about 1 KB each; the same `start` gives the same ones."""
    return [picture(number) for number in range(start, start + count)]


@cache
def picture(number: int) -> bytes:
    return encoded(photograph(48, 32, seed=number, detail=4), "JPEG", quality=80)


def hostile_pictures() -> list[Hostile]:
    """One of each kind that must become a dead letter."""
    whole = encoded(photograph(200, 200), "JPEG")
    return [
        Hostile("truncated", whole[: len(whole) // 2], "truncated"),
        Hostile("web-page", HTML, "not_an_image"),
        Hostile("empty", b"", "empty"),
        Hostile("nothing", None, "empty"),
        Hostile("bomb", bomb_png(), "too_large"),
        Hostile("noise", bytes(range(256)) * 4, "not_an_image"),
    ]
