"""A new policy of some words: what the model makes of them, and from which score on a picture deserves a look."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import UsageError
from pipeline.lab.data.extract import Extracted
from pipeline.lab.data.judged import image_scores
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.knowing import Knowing, knowings
from pipeline.lab.lint.registry import Told
from pipeline.path.live import PromptFeatures
from pipeline.ports import TextCache
from pipeline.rules.flags_everything import PROBES
from pipeline.rules.heads import CompiledPolicies
from workers.assembly import Model
from workers.policies.written import policy_text, title_of

LEAST, MOST = 0.25, 0.9
"""Bounds of the threshold, as those of `sluice search --as-policy`."""
NO_PICTURES = Extracted((), ())


@dataclass(frozen=True)
class Chosen:
    """A threshold, and what it comes from."""

    least: float
    harmless: int
    """Pictures that must not match."""
    highest: float
    """The highest score of those, or of neutral sentences where there are none."""
    found: int
    wanted: int
    """Pictures that must match, and how many of them reach the threshold."""


def chosen(
    model: Model,
    compiled: CompiledPolicies,
    match: Extracted,
    harmless: Extracted,
    *,
    cache: TextCache | None = None,
) -> Chosen:
    """The lowest threshold above all pictures that must not match, within `LEAST` and `MOST`.

    `compiled` is as `compiled_words` makes it. Whoever chooses again and again gives a `cache` for neutral sentences.
    Raises `UsageError` for pictures that cannot be read.
    """
    if unread := (*match.unreadable, *harmless.unreadable):
        raise UsageError(*(f"{each.name}: {each.message} ({each.reason})" for each in unread))
    against = image_scores(harmless, compiled)[:, 0]
    highest = float(against.max()) if len(against) else _of_sentences(model, compiled, cache or MemoryTextCache())
    least = min(max(math.floor(highest * 100 + 1) / 100, LEAST), MOST)
    wanted = image_scores(match, compiled)[:, 0]
    return Chosen(least, len(against), highest, int((wanted >= least).sum()), len(wanted))


def _of_sentences(model: Model, compiled: CompiledPolicies, cache: TextCache) -> float:
    """The highest score of neutral sentences, looked at as if they were pictures."""
    templates = compiled.policy_set.defaults.templates
    features = PromptFeatures(model.encoder, cache).of(PROBES, templates, {})
    return float(compiled.prompts.score(np.stack(list(features.values()))).scores.max())


def known(model: Model, folder: Folder, words: Sequence[str], match: Extracted) -> list[Knowing]:
    """How well the model knows the words, and what may be said instead of them or of the pictures."""
    templates = folder.compiled.policy_set.defaults.templates
    prompts = PromptFeatures(model.encoder, MemoryTextCache())
    views = [signals.features[0] for signals in match.signals]
    pictures = np.stack(views) if views else np.zeros((0, model.encoder.spec.features), np.float32)
    return knowings(folder.vocabulary, lambda said: prompts.of(said, templates, folder.features), words, pictures)


def as_json(path: Path, found: Chosen, wordings: Sequence[Knowing], told: Sequence[Told]) -> dict[str, Any]:
    """What ``sluice policy new --json`` prints."""
    return {
        "written": str(path),
        "threshold": found.least,
        "wordings": [each.as_json() for each in wordings],
        "findings": [each.as_json() for each in told],
    }


def text_of(words: Sequence[str], found: Chosen, tests: Mapping[str, Sequence[str]]) -> bytes:
    """The policy file, with comments that say where its threshold comes from."""
    return policy_text(words, (), found.least, title=title_of(words), comments=list(_comments(found)), tests=tests)


def relative(folder: Path, pictures: Sequence[Path]) -> list[str]:
    """The pictures as a policy in that folder names them. Raises `UsageError` for what is no file."""
    for picture in pictures:
        if not picture.is_file():
            raise UsageError(f"{picture} is no picture: name a file that is there")
    return [Path(os.path.relpath(picture, folder)).as_posix() for picture in pictures]


def _comments(found: Chosen) -> Iterator[str]:
    yield "Written by `sluice policy new`, in shadow mode: it is scored and reported, and acts on nothing."
    if found.harmless:
        of = f"{found.harmless} picture{'' if found.harmless == 1 else 's'} that must not match"
    else:
        of = f"{len(PROBES)} sentences such as 'a chair'"
    yield f"Its threshold was {found.least:g} then: above {found.highest:.3f}, the highest score of {of},"
    yield f"and within {LEAST:g} and {MOST:g}."
    if found.wanted:
        yield f"{found.found} of {found.wanted} picture{'' if found.wanted == 1 else 's'} that must match reached it."
    yield "Unless `calibrated` stands below, it is still set by hand: `sluice policy calibrate` sets it by labelled"
    yield "images, a dozen to begin with, or by reviews."
