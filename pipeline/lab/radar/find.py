"""From images unlike the month to what they show: clusters, named by the nearest phrases, with examples."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.archive.archive import Archive
from pipeline.archive.search.found import Found, look_up
from pipeline.lab.drift.periods import Periods
from pipeline.lab.radar.clusters import Cluster, clusters, least
from pipeline.lab.radar.novelty import UNLIKE, Month
from pipeline.lab.radar.reading import Sighted, Sighting
from pipeline.lab.radar.record import Example, Phrase, Pictured, Radar, Seen
from pipeline.signals import Features

EXAMPLES = 6
PHRASES = 3


@dataclass(frozen=True)
class Vocabulary:
    """Phrases with their features, by which clusters are named. At least one."""

    phrases: Sequence[str]
    features: Features
    """``float32[P,D]``."""

    @classmethod
    def of(cls, features: Mapping[str, Features]) -> Vocabulary:
        return cls(list(features), np.stack(list(features.values())))

    def nearest(self, centre: Features, mean: Features, most: int = PHRASES) -> list[Phrase]:
        """The phrases that the centre is most nearer to than the month's mean is.

        The mean is taken away because phrases differ in how near they are to any picture at all.
        """
        nearer = self.features @ (centre - mean)
        order = np.argsort(-nearer, kind="stable")[:most].tolist()
        return [Phrase(text=self.phrases[at], nearer=round(float(nearer[at]), 4)) for at in order]


def found(archive: Archive, of: Periods, month: Month, sighted: Sighted, vocabulary: Vocabulary) -> Pictured:
    """The clusters among the images that are unlike the month, with what the archive says of their examples."""
    sightings = sighted.sightings
    views = np.stack([each.view for each in sightings]) if sightings else np.zeros((0, len(month.mean)), np.float32)
    seen, pictures = [], []
    enough = least(sighted.drawn_from, month.sampled)
    for cluster in clusters(views, month.bound, enough):
        examples = _examples(archive, [sightings[at] for at in cluster.members[:EXAMPLES]])
        seen.append(_seen(archive.store.address, of, cluster, month, vocabulary, [each for each, _ in examples]))
        pictures.append([picture for _, picture in examples])
    record = Radar(
        archive=archive.store.address,
        model=of.kind[0],
        preprocess=of.kind[1],
        day=of.day.isoformat(),
        images=sighted.images,
        month=month.images,
        sampled=len(month.views),
        bound=round(month.bound, 4),
        unlike=sighted.unlike,
        unlike_on_any_day=round(UNLIKE * sighted.images),
        enough=enough,
        clusters=seen,
    )
    return Pictured(record, pictures)


def _seen(
    address: str, of: Periods, cluster: Cluster, month: Month, vocabulary: Vocabulary, examples: list[Example]
) -> Seen:
    phrases = vocabulary.nearest(cluster.centre, month.mean)
    return Seen(
        size=len(cluster.members),
        phrases=phrases,
        examples=examples,
        next_step=next_step(phrases[0].text, of.day.isoformat(), address),
    )


def next_step(phrase: str, day: str, address: str) -> str:
    """The command line that searches for the phrase from that day on and keeps it as a policy in shadow mode."""
    name = re.sub(r"[^a-z0-9]+", "-", phrase.lower()).strip("-")[:40].rstrip("-") or "new"
    words = ["sluice", "search", phrase, "--as-policy", f"radar-{name}", "--since", day, "--archive", address]
    return shlex.join(words)


def _examples(archive: Archive, sightings: Sequence[Sighting]) -> list[tuple[Example, bytes | None]]:
    looked_up = look_up(archive, [each.place for each in sightings])
    return [
        (_example(each, found), found.thumbnail)
        for each, found in zip(sightings, looked_up, strict=True)
        if found is not None
    ]


def _example(sighting: Sighting, found: Found) -> Example:
    said = found.decision
    return Example(
        image_id=said.image_id,
        event_id=said.event_id,
        decided_at=said.decided_at,
        verdict=said.verdict,
        nearest=round(sighting.nearest, 4),
    )
