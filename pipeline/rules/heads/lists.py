"""The head of lists: known pictures, by a hash of their bytes, by one that small changes leave, or by their looks.

An entry under ``block`` gives its policy a score: 1, or the least that leads to the action which it names. An entry
under ``allow`` is a veto. Of an image with several views or hashes, one that is known is enough to block, and all
must be known to allow: else a frame that is allowed would carry another through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from pipeline.rules.heads.head import Array, Flags, Opinion, Texts
from pipeline.rules.heads.known_pictures import Fit, fits_of_list, fits_of_looks
from pipeline.rules.heads.stacked import Stacked
from pipeline.rules.known.entries import FOR_EVER, Entries, day_of
from pipeline.rules.known.looks import Looks
from pipeline.rules.policies.assets import Assets
from pipeline.rules.policies.list_entries import score_for
from pipeline.rules.policies.policy_set import AssetName, KnownList, Policy, PolicySet
from pipeline.signals import Closer, Signals
from pipeline.wire import ListEvidence

BITS = 256
COSINE_DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What a policy knows under ``block`` or ``allow``: lists of hashes, and pictures."""

    lists: tuple[KnownList, ...]
    pictures: tuple[AssetName, ...]
    looks: Looks | None
    alike: float


@dataclass(frozen=True, eq=False)
class ListsHead:
    """Known pictures as they count on one `day`. Build it with `compile_lists`."""

    policies: tuple[Policy, ...]
    """The policies that have lists, in the order of the columns."""
    block: tuple[Side, ...]
    """One for each policy."""
    allow: tuple[Side, ...]
    day: int = 0
    """In UTC, from 1970; what expired before it does not count."""

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(policy.id for policy in self.policies)

    def at(self, now: float) -> ListsHead:
        """The head of that day: itself, where the same entries count as on its own."""
        first, last = self._steady
        return self if first <= day_of(now) <= last else replace(self, day=day_of(now))

    @cached_property
    def _steady(self) -> tuple[int, int]:
        """The first and the last day on which the same entries count as on this one."""
        spans = [entries.steady(self.day) for entries in self._lists.values()]
        return max((first for first, _ in spans), default=-FOR_EVER), min(
            (last for _, last in spans), default=FOR_EVER
        )

    @cached_property
    def moment(self) -> tuple[str, ...]:
        """By list, how many of its days of expiry have passed."""
        passed = {digest: entries.expired_by(self.day) for digest, entries in self._lists.items()}
        return tuple(f"expired {digest} {days}" for digest, days in sorted(passed.items()) if days)

    def look(self, images: Sequence[Signals], before: Sequence[Opinion] = ()) -> ListsOpinion:  # noqa: ARG002
        """Raises ``ValueError`` for an image of no views."""
        views = Stacked.of(images)
        hashed = {digest: fits_of_list(entries, images, self.day) for digest, entries in self._lists.items()}
        found = dict[tuple[int, int], tuple[Side, Fit]]()
        scores = np.zeros((len(images), len(self.policies)))
        vetoes = np.zeros(scores.shape, bool)
        for column, policy in enumerate(self.policies):
            block, allow = self.block[column], self.allow[column]
            for image, fits in _by_image(block, hashed, views).items():
                best = max(fits, key=lambda fit: (_score(policy, block, fit), fit.closeness))
                found[image, column] = block, best
                scores[image, column] = _score(policy, block, best)
            for image, fits in _by_image(allow, hashed, views).items():
                if (fit := _all_known(images[image], fits)) is not None:
                    found[image, column] = allow, fit
                    vetoes[image, column] = True
        return ListsOpinion(self, images, scores, vetoes, found)

    @cached_property
    def _lists(self) -> Mapping[str, Entries]:
        """By their sha256, since policies may share them."""
        return {of.name.sha256: of.entries for policy in self.policies for of in policy.lists.hashed}


@dataclass(frozen=True, slots=True)
class ListsOpinion:
    """An `Opinion`; where nothing is known of an image its scores are 0."""

    head: ListsHead
    images: Sequence[Signals]
    scores: Array
    vetoes: Flags
    found: Mapping[tuple[int, int], tuple[Side, Fit]]
    """By image and policy, what it scored or was allowed by."""

    def evidence(self, image: int, policy: int) -> ListEvidence:
        """The entry or picture that counts; of kind ``none`` where nothing is known of the image."""
        if (image, policy) not in self.found:
            return ListEvidence("block", "none", "")
        side, fit = self.found[image, policy]
        called: Literal["block", "allow"] = "allow" if self.vetoes[image, policy] else "block"
        if fit.kind == "picture":
            view = self.images[image].region(fit.part)
            cosine = round(fit.closeness, COSINE_DIGITS)
            return ListEvidence(called, "picture", side.pictures[fit.source].path, cosine=cosine, view=view)
        of = side.lists[fit.source]
        line, note = int(of.entries.lines[fit.entry]), of.entries.note(fit.entry)
        bits = round((1 - fit.closeness) * BITS) if fit.kind == "pdq" else None
        return ListEvidence(called, fit.kind, of.name.path, line, note, bits)


def compile_lists(policy_set: PolicySet, words: Texts) -> ListsHead:
    """Raises ``ValueError`` for a picture of which nobody has made features."""
    policies = tuple(policy for policy in policy_set.active if policy.lists)
    lists = [policy.lists for policy in policies]
    block = tuple(_side(each.block, each.block_pictures, each.alike, words.assets) for each in lists)
    allow = tuple(_side(each.allow, each.allow_pictures, each.alike, words.assets) for each in lists)
    return ListsHead(policies, block, allow)


def _side(lists: tuple[KnownList, ...], pictures: tuple[AssetName, ...], alike: float, assets: Assets) -> Side:
    features = []
    for name in pictures:
        signals = assets[name.path].signals
        if signals is None:
            raise ValueError(f"no features of the picture {name.path}")
        features.append(signals.features)
    return Side(lists, pictures, Looks.of(features), alike)


def _by_image(side: Side, hashed: Mapping[str, Sequence[Fit]], views: Stacked) -> Mapping[int, Sequence[Fit]]:
    """All that the images fit of one side of a policy; images that fit nothing are left out."""
    found = defaultdict[int, list[Fit]](list)
    for source, of in enumerate(side.lists):
        for fit in hashed[of.name.sha256]:
            found[fit.image].append(replace(fit, source=source))
    for fit in () if side.looks is None else fits_of_looks(side.looks, side.alike, views):
        found[fit.image].append(fit)
    return found


def _score(policy: Policy, side: Side, fit: Fit) -> float:
    if fit.kind == "picture":
        return 1.0
    return score_for(policy, int(side.lists[fit.source].entries.actions[fit.entry]))


def _all_known(signals: Signals, fits: Sequence[Fit]) -> Fit | None:
    """What allows an image: its bytes; else a hash or a look of every part of it, of which the least close is given.

    A view of a second look is a part of the picture, or turned, and allows nothing.
    """
    for fit in fits:
        if fit.kind == "sha256":
            return fit
    if isinstance(signals, Closer):
        return None
    # PDQ is of the first frame alone.
    hashes = 0 if signals.pdq is None or signals.frames > 1 or signals.unseen else len(signals.pdq)
    return _each("pdq", hashes, fits) or _each("picture", len(signals.features), fits)


def _each(kind: str, parts: int, fits: Sequence[Fit]) -> Fit | None:
    """The least close of the best fits of each part; None where some part has none."""
    best: dict[int, Fit] = {}
    for fit in fits:
        if fit.kind == kind and (fit.part not in best or fit.closeness > best[fit.part].closeness):
            best[fit.part] = fit
    if not parts or len(best) < parts:
        return None
    return min(best.values(), key=lambda fit: fit.closeness)
