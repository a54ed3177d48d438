"""Scenes of one thing that a shipped policy is about, among things that no policy is about, and where it is.

What explains a decision is held against them: they say what is to be pointed at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from pipeline.lab.scenes.clutter import backgrounds
from pipeline.lab.scenes.draw import generator_of, paste_things, sampled
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import NOTHING, index_of
from pipeline.lab.scenes.placed import harmless_things
from pipeline.lab.scenes.recipes import AMONG, MOST_THINGS
from pipeline.lab.scenes.scene_set import SCENE_SIZE
from pipeline.lab.scenes.truth import ABOUT
from pipeline.lab.scenes.wear import to_images
from pipeline.signals import Box

SEED = 2**45
"""No training, evaluation, sample, calibration or placed scene draws from this seed."""
_SEEN = 0.5
"""The least opacity of a pixel that counts as the thing's."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """A scene, the policy that it must be flagged by, and where the thing is."""

    picture: Image.Image
    policy: str
    thing: str
    box: Box


def pointed_scenes(atlas: Atlas, count: int, seed: int = SEED) -> Iterator[Pointed]:
    """That many scenes, drawn as they are asked for, of each policy in turn and of each of its things in turn."""
    harmless = [each for each in harmless_things() if each != NOTHING]
    policies = list(ABOUT.items())
    for number in range(count):
        policy, names = policies[number % len(policies)]
        thing = names[number // len(policies) % len(names)]
        yield _drawn(atlas, policy, thing, harmless, seed, number)


def _drawn(atlas: Atlas, policy: str, thing: str, harmless: Sequence[int], seed: int, number: int) -> Pointed:
    generator = generator_of(seed, number)
    fewest, most = AMONG.several
    count = int(torch.randint(fewest, most + 1, (1,), generator=generator))
    beside = torch.randperm(len(harmless), generator=generator)[: count - 1].tolist()
    things = [index_of(thing), *(harmless[each] for each in beside)]
    shown = torch.tensor([things + [NOTHING] * (MOST_THINGS - count)])
    canvas = backgrounds(generator, 1, SCENE_SIZE)
    main = paste_things(canvas, atlas, generator, shown, AMONG)
    opaque = sampled(atlas, main, SCENE_SIZE)[0, 3] >= _SEEN
    return Pointed(to_images(canvas.clamp_(0, 1))[0], policy, thing, _around(opaque))


def _around(opaque: torch.Tensor) -> Box:
    """The box around all that is true in ``bool[S,S]``."""
    down, across = (opaque.any(dim).nonzero().flatten() for dim in (1, 0))
    size = opaque.shape[0]
    return (
        across[0].item() / size,
        down[0].item() / size,
        (across[-1].item() + 1) / size,
        (down[-1].item() + 1) / size,
    )
