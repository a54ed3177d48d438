"""Scenes with something around them, as labelled images: the same picture bare and in each of `SURROUNDS`."""

from __future__ import annotations

import random
from functools import partial

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import NOTHING, load_lexicon
from pipeline.lab.scenes.placed import QUALITY, SEED, Spot, draw_placed, harmless_things, things_of_policies
from pipeline.lab.scenes.surrounds import SURROUNDS
from pipeline.lab.scenes.wear import jpeg_bytes

BARE = "bare"
SPOT = Spot((4, 3), "centre", 0.7)
"""Where the thing stands in the picture."""
BESIDE = 3
"""Harmless pictures drawn for each picture with something around it; some surrounds show them."""


def surrounded_scenes(each: int, *, about: bool, atlas: Atlas) -> Dataset:
    """`each` pictures as they are (group `BARE`), and the same with each of `SURROUNDS`, whose name is the group.

    With `about` they show things that the shipped policies are about, without it harmless ones.
    """
    things = things_of_policies() if about else [thing for thing in harmless_things() if thing != NOTHING]
    names = tuple(dict.fromkeys(emoji.name for emoji in load_lexicon()))
    examples = []
    for name in (BARE, *SURROUNDS):
        for number in range(each):
            thing = things[number % len(things)]
            shown = load_lexicon()[thing].name
            read = partial(_read, atlas, thing, name, number + (0 if about else each))
            examples.append(Example(f"{name}, {shown}", read, (shown,), name))
    return Dataset(f"surrounded scenes ({'about' if about else 'harmless'})", examples, names)


def _read(atlas: Atlas, thing: int, name: str, number: int) -> bytes:
    picture = draw_placed(atlas, thing, SPOT, SEED + 1, number * (BESIDE + 1))
    if name == BARE:
        return jpeg_bytes(picture, QUALITY)
    harmless = [each for each in harmless_things() if each != NOTHING]
    others = [
        draw_placed(
            atlas, harmless[(number * BESIDE + at) % len(harmless)], SPOT, SEED + 1, number * (BESIDE + 1) + at
        )
        for at in range(1, BESIDE + 1)
    ]
    return jpeg_bytes(SURROUNDS[name](picture, others, random.Random(number)), QUALITY)
