"""Rules that go by what a sentence is near to, or by its words alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.lab.scenes.captions import COMMON
from tests.lab.lint.measured.figure import Figure, Flags, figure, told_of
from tests.lab.lint.measured.subject import AT_ONCE, Subject
from tests.lab.lint.measured.wordings import LOW, SURE, Tried, policy_of


def told(subject: Subject, rule: str, prompts: Sequence[str]) -> Flags:
    """``bool[N]``: of which of these prompts, each a policy's only one, the rule tells something."""
    parts = [np.zeros(0, bool)]
    for start in range(0, len(prompts), AT_ONCE):
        some = [policy_of(at, prompt) for at, prompt in enumerate(prompts[start : start + AT_ONCE])]
        parts.append(told_of(rule, subject.folder(subject.compiled(some)), [each.id for each in some]))
    return np.concatenate(parts)


def by_words(subject: Subject, found: Tried, of: Flags) -> Iterator[Figure]:
    """What is told of wordings as they are; `of` says by which of them figures are made."""
    prompts = [each.prompt for each in found.wordings]
    sure, low = found.works & (found.usual >= SURE), found.works & (found.usual < LOW)
    broad = found.fails & (found.things > COMMON)
    good = ("wordings that work and score high", of & sure)
    said = {rule: told(subject, rule, prompts) for rule in ("unknown-words", "kind", "near-background")}
    yield figure("unknown-words", said["unknown-words"], good, ("wordings that fail", of & found.fails))
    works, kinds = ("wordings that work", of & found.works), ("wordings of many things that fail", of & broad)
    yield figure("kind", said["kind"], works, kinds)
    yield figure("near-background", said["near-background"], good, ("wordings that work and score low", of & low))


def bound(subject: Subject, found: Tried, of: Flags, share: float = 0.01) -> float:
    """The bound of `unknown` below which that share of the wordings lies that work and score high."""
    folder = subject.folder(subject.compiled([]))
    good = of & found.works & (found.usual >= SURE)
    prompts = [found.wordings[at].prompt for at in np.flatnonzero(good)]
    features = subject.features(prompts)
    return float(np.quantile(folder.vocabulary.nearness(np.stack([features[each] for each in prompts])), share))
