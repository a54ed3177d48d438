"""Whether a worker could read the pictures that policies name: it decodes them, and needs no model for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import ItemError, Problem
from pipeline.rules.images.formats import ACCEPTED, describe, sniff
from pipeline.rules.policies.assets import Assets
from pipeline.rules.policies.policy_set import PolicySet
from workers.settings import Settings

if TYPE_CHECKING:  # numpy, which a folder without pictures does not pay for
    from pipeline.ports import Decoder

REMEMBERED = 8_192
"""Pictures of which it is known whether they can be read: a page checks anew while somebody types."""
_KNOWN: dict[tuple[str, str], str] = {}


def unreadable(settings: Settings, policy_set: PolicySet, assets: Assets) -> Iterator[Problem]:
    """What lies under `examples` and `lists` and is no picture, or none that can be read, where policies name it."""
    for policy in policy_set.active:
        for name in policy.pictures:
            content = assets[name.path].content
            if sniff(content) is None:
                why = describe(content) if content else "empty"
                yield name.where.problem(f"{name.path!r} is no picture ({why}); accepted are {', '.join(ACCEPTED)}")
            elif said := _why_not(settings, content, name.sha256):
                yield name.where.problem(f"{name.path!r} cannot be read: {said}")


def _why_not(settings: Settings, content: bytes, sha256: str) -> str:
    """Why the picture cannot be decoded; empty where it can be."""
    limits = (settings.preprocess, settings.coverage, settings.max_frames, settings.max_pixels, settings.max_views)
    known = (sha256, f"{settings.model} {limits}")
    if (found := _KNOWN.get(known)) is None:
        found = _KNOWN[known] = _decoded(_decoder(settings), content)
        while len(_KNOWN) > REMEMBERED:
            _KNOWN.pop(next(iter(_KNOWN)), None)
    return found


def _decoded(decoder: Decoder, content: bytes) -> str:
    try:
        decoder.decode(content)
    except ItemError as error:
        return str(error)
    return ""


def _decoder(settings: Settings) -> Decoder:
    from workers import assembly  # noqa: PLC0415 - brings numpy

    return assembly.decoder_alone(settings)
