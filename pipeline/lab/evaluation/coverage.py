"""What is found of things at the edges and in the corners of pictures of all shapes, small, framed and in collages.

One decoder is measured at a time: `sluice card` shows the table for the one that its settings choose.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.judged import image_scores
from pipeline.lab.evaluation.findings import TEMPLATES, Subject
from pipeline.lab.evaluation.precision import rate
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.evaluation.zero_shot import ClassTexts, encode_classes, rank
from pipeline.lab.scenes.placed import Spot, placed_scenes
from pipeline.lab.scenes.surrounded import surrounded_scenes
from pipeline.lab.scenes.truth import ABOUT
from pipeline.rules.heads import CompiledPolicies

Kind = TypeVar("Kind", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts of scenes with a thing that a policy is about, and of harmless ones; they add up."""

    about: int = 0
    found: int = 0
    """Those of `about` that the thing's own policy flags at its lowest action."""
    named: int = 0
    """Those of `about` for which the thing's name comes first among all names."""
    harmless: int = 0
    false: int = 0
    """Those of `harmless` that any policy flags."""
    views: int = 0
    """Views of all scenes: the model encodes each of them."""

    def __add__(self, other: Seen) -> Seen:
        return Seen(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def recall(self) -> Estimate:
        return rate(self.found, self.about)

    @property
    def false_rate(self) -> Estimate:
        return rate(self.false, self.harmless)

    @property
    def views_each(self) -> float:
        """The mean number of views of a scene; 0 where there is no scene."""
        return self.views / max(1, self.about + self.harmless)


def measure_coverage(
    subject: Subject,
    compiled: CompiledPolicies,
    each: int,
    chosen: Sequence[Spot],
    *,
    texts: ClassTexts | None = None,
) -> dict[Spot, Seen]:
    """Draw `each` scenes with a thing and `each` without for every spot, and count what is found.

    `texts` hold all the lexicon's names, where they are encoded already. Raises `EncoderError` when the device fails.
    """
    about, harmless = (placed_scenes(each, chosen, about=about, atlas=subject.atlas) for about in (True, False))
    found = _seen(subject, compiled, about, harmless, texts)
    return {spot: found[spot.name] for spot in chosen}


def measure_surrounds(
    subject: Subject, compiled: CompiledPolicies, each: int, *, texts: ClassTexts | None = None
) -> dict[str, Seen]:
    """Count the same in pictures as they are (under `BARE`) and with each of `SURROUNDS` around or beside them.

    Raises `EncoderError` when the device fails.
    """
    about, harmless = (surrounded_scenes(each, about=about, atlas=subject.atlas) for about in (True, False))
    return _seen(subject, compiled, about, harmless, texts)


def pooled(counts: Mapping[Spot, Seen], by: Callable[[Spot], Kind]) -> dict[Kind, Seen]:
    """Add up the counts of all spots that `by` gives one kind."""
    pools: dict[Kind, Seen] = {}
    for spot, seen in counts.items():
        pools[by(spot)] = pools.get(by(spot), Seen()) + seen
    return pools


def _seen(
    subject: Subject, compiled: CompiledPolicies, about: Dataset, harmless: Dataset, texts: ClassTexts | None
) -> dict[str, Seen]:
    """Add up the counts of each group of examples."""
    counts: dict[str, Seen] = {}
    for group, seen in [*_of_things(subject, compiled, about, texts), *_of_harmless(subject, compiled, harmless)]:
        counts[group] = counts.get(group, Seen()) + seen
    return counts


def _of_things(
    subject: Subject, compiled: CompiledPolicies, dataset: Dataset, texts: ClassTexts | None
) -> Iterator[tuple[str, Seen]]:
    """Yield group and count of each scene with a thing of a policy that is active."""
    extracted = subject.extract(dataset.name, dataset)
    flagged = image_scores(extracted, compiled) >= compiled.lowest
    names = (texts or encode_classes(subject.encoder, dataset.classes, TEMPLATES)).only(dataset.classes)
    right = rank(extracted, names.classes, names.ensemble, subject.encoder.spec).right
    policy_about = {name: policy for policy, things in ABOUT.items() for name in things}
    for row, example in enumerate(extracted.examples):
        policy = policy_about[example.labels[0]]
        if policy in compiled.ids:
            found, named = bool(flagged[row, compiled.ids.index(policy)]), bool(right[row])
            views = len(extracted.signals[row].features)
            yield example.group or "", Seen(about=1, found=int(found), named=int(named), views=views)


def _of_harmless(subject: Subject, compiled: CompiledPolicies, dataset: Dataset) -> Iterator[tuple[str, Seen]]:
    """Yield group and count of each harmless scene."""
    extracted = subject.extract(dataset.name, dataset)
    flagged = image_scores(extracted, compiled) >= compiled.lowest
    for row, example in enumerate(extracted.examples):
        views = len(extracted.signals[row].features)
        yield example.group or "", Seen(harmless=1, false=int(flagged[row].any()), views=views)
