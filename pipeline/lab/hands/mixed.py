"""Mixes hands into one atlas, of which each scene draws a thing by one hand or another.

Only hands make more hands known. SVG files drawn anew, each shape with an outline, a colour and a place of its own,
were a quarter of 1.4 million scenes: beside as many without them, from the same weights, a hand that was never shown
was named as often (29.0%), and the same hand drawn anew hardly oftener (21.6%, and 21.3% without).
A leg more, in which a third of pictures took the statistics of their features from another (MixStyle), brought that
hand from 29.0 to 29.8%, Symbola's outlines from 10.6 to 12.8%, and Twemoji, which it learned from, from 76 to 78%.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipeline.lab.hands.folder import Hand
from pipeline.lab.scenes.emoji import Atlas

COLUMNS = 12
"""How many drawings of a thing are drawn from, as often as each stands there."""
OWN_SHARE = 5 / 12
"""The share of things that the lexicon's own font draws, where others draw them too."""


def mixed(own: Atlas, hands: Sequence[Hand]) -> Atlas:
    """The sprites of all hands, `OWN_SHARE` by the first, the others in turn; what a hand lacks the rest draw."""
    if not hands:
        return own
    every = [own, *(hand.atlas for hand in hands)]
    levels = tuple(torch.cat(parts) for parts in zip(*(atlas.levels for atlas in every), strict=True))
    has = [set(hand.things) for hand in hands]
    rows = [
        _rows(thing, [at for at, things in enumerate(has) if thing in things], own.count)
        for thing in range(own.count)
    ]
    return Atlas(levels, torch.tensor(rows))


def _rows(thing: int, hands: Sequence[int], count: int) -> list[int]:
    """The rows of the joined atlas that draw a thing, `COLUMNS` of them."""
    others = [(at + 1) * count + thing for at in hands]
    ours = COLUMNS if not others else round(COLUMNS * OWN_SHARE)
    # Hands take turns from one thing to the next, so that none is drawn more often where they do not part evenly.
    return [thing] * ours + [others[(thing + at) % len(others)] for at in range(COLUMNS - ours)]
