"""Proposes lines for a policy, from reviews of what the archive remembers, and tries each of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.archive.archive import Archive, Segment
from pipeline.errors import UsageError
from pipeline.lab.lint.alike import THE_SAME
from pipeline.lab.reviews.folds import kept_aside
from pipeline.lab.reviews.found import COLUMNS, IDS, Ids, Wanted
from pipeline.lab.reviews.suggestions import Change, Effect, Flags, Judged, Outcome, effect, pointing, ranked
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Policy, PolicySet, policy_version
from pipeline.rules.policies.sentences_added import Key, with_sentences
from pipeline.rules.reviews.settled import PolicyReviews
from pipeline.rules.times import Window
from pipeline.signals import Features, Signals
from workers.assembly import Judge

TRIED = 12
"""Sentences of each kind that are tried, of those that point the right way."""
AT_MOST = 3
"""Lines that are proposed together."""
KEYS: tuple[Key, ...] = ("unless", "prompts")


@dataclass(frozen=True)
class Reviewed:
    """The reviewed images of a policy that the archive holds."""

    names: Sequence[str]
    images: Sequence[Signals]
    shows: Flags
    weights: np.ndarray
    missing: int


@dataclass(frozen=True)
class Suggested:
    """What was tried, the best first, and what is proposed of it."""

    policy: Policy
    reviewed: Reviewed
    phrases: int
    aside: int
    """How many of the reviewed images were kept aside while lines were chosen."""
    tried: Sequence[tuple[Change, Outcome]]
    """Those that help by themselves."""
    chosen: Sequence[Change]
    """None where what helps most makes images kept aside worse."""
    together: Outcome | None
    """What the best lines do together, chosen or not."""
    now: CompiledPolicies
    """The policy alone, as it is."""


def reviewed_in(
    archive: Archive,
    segments: Sequence[Segment],
    window: Window,
    policy: str,
    reviews: PolicyReviews,
    advance: Callable[[], object],
) -> Reviewed:
    """Their signals, of those with a yes or no. Only segments that hold some are read beyond ids."""
    wanted = Wanted[Signals]({policy: reviews.labels})
    for segment in segments:
        if any(
            next(wanted.among(Ids(ids), range(ids.events)), None) for ids in archive.blocks([segment], IDS, window)
        ):
            for block in archive.blocks([segment], COLUMNS, window):
                ids = Ids(block)
                for event, _, at in list(wanted.among(ids, range(block.events))):
                    wanted.take(policy, at, ids, event, block.signals([event])[0])
        advance()
    found, by_image = wanted.found(policy, reviews)
    judged = [(label, signals) for label, signals in found if label.label != "unsure"]
    return Reviewed(
        names=[label.event or label.image for label, _ in judged],
        images=[signals for _, signals in judged],
        shows=np.array([label.label == "yes" for label, _ in judged], bool),
        weights=np.array([label.weight for label, _ in judged], np.float64),
        missing=len(by_image.labels) - len(found),
    )


def check(policy: str, reviewed: Reviewed) -> None:
    """Raises `UsageError` where reviews cannot say what is better."""
    yes, no = int(reviewed.shows.sum()), int((~reviewed.shows).sum())
    if not yes + no:
        missing = f": none of {reviewed.missing:,} reviewed images is in it" if reviewed.missing else ""
        raise UsageError(f"the archive holds no image of which a review of {policy} says yes or no{missing}")
    if not yes or not no:
        kind, other = ("yes", "no") if yes else ("no", "yes")
        raise UsageError(
            f"all {yes + no:,} reviews of {policy} say {kind}: a line is told from another by what it does to images"
            f" of both kinds; review some that are likely a {other}"
        )


def suggested(
    judge: Judge, policy: Policy, reviewed: Reviewed, more: dict[str, Features], advance: Callable[[], object]
) -> Suggested:
    """Try lines that point the right way, among the set's own sentences and `more`, and choose of those that help."""
    live = judge.live()
    now = judge.live.compiled(alone(live.policy_set, policy))
    vocabulary = {key: _vocabulary(live, policy, more, key) for key in KEYS}
    judged = Judged(_worst(now, reviewed.images), reviewed.shows, reviewed.weights)
    flagged = _flags(now, policy, reviewed.images)
    aside = kept_aside(reviewed.names, judged.features, judged.shows, flagged)
    by = judged.some(~aside)
    changes = [
        Change(key, text) for key in KEYS for text in pointing(by, flagged[~aside], *vocabulary[key], key, TRIED)
    ]

    def outcome(some: Sequence[Change]) -> Outcome:
        changed = with_changes(policy, some)
        after = _flags(judge.live.compiled(alone(live.policy_set, changed)), changed, reviewed.images)
        on = effect(judged.some(aside), flagged[aside], after[aside]) if aside.any() else None
        return Outcome(effect(by, flagged[~aside], after[~aside]), on)

    tried = []
    for each in changes:
        tried.append((each, outcome([each])))
        advance()
    best = list(ranked(tried))
    meant = {text: row for each, features in vocabulary.values() for text, row in zip(each, features, strict=True)}
    chosen, together = chosen_of([change for change, _ in best], outcome, meant)
    phrases = sum(len(each) for each, _ in vocabulary.values())
    return Suggested(policy, reviewed, phrases, int(aside.sum()), best, chosen, together, now)


def chosen_of(
    best: Sequence[Change], tell: Callable[[Sequence[Change]], Outcome], meant: Mapping[str, Features]
) -> tuple[list[Change], Outcome | None]:
    """The best line, and others as long as each adds to what those before it do, by what they are chosen by.

    None after one that makes images kept aside worse: to look for one that does not would be to choose by them. Of
    such a first one the outcome is given. `meant` has ``float32[D]`` of each line; none is the same as one before it.
    """
    chosen: list[Change] = []
    together: Outcome | None = None
    for change in best:
        if len(chosen) == AT_MOST:
            break
        if chosen and _same(np.stack([meant[each.text] for each in chosen]), meant[change.text][np.newaxis])[0]:
            continue
        found = tell([*chosen, change])
        if found.by.helps and (together is None or found.by.gain > together.by.gain):
            if not found.holds or (together is not None and _worse(together, found)):
                return chosen, together or found
            chosen, together = [*chosen, change], found
    return chosen, together


def _worse(before: Outcome, after: Outcome) -> bool:
    """Whether images kept aside are judged worse with one more line than without it."""
    if before.aside is None or after.aside is None:
        return False
    one, other = before.aside, after.aside
    figures = ((one.precision, other.precision), (one.recall, other.recall))
    return other.gain < one.gain or any(then[1].value > now[1].value for then, now in figures)


def _same(those: Features, these: Features) -> Flags:
    """Of each of `these`, ``float32[N,D]``, whether lint would say that it is the same as one of `those`."""
    return np.asarray((these @ those.T).max(axis=1) >= THE_SAME)


def with_changes(policy: Policy, changes: Sequence[Change]) -> Policy:
    """The policy with these lines behind its own."""
    added = {key: tuple(each.text for each in changes if each.key == key) for key in KEYS}
    return replace(policy, unless=policy.unless + added["unless"], prompts=policy.prompts + added["prompts"])


def file_with(content: bytes, found: Suggested) -> bytes:
    """The policy's file with the chosen lines, and with a comment that says what they do.

    Raises ``ValueError`` where they cannot be added in place.
    """
    for key in KEYS:
        added = [each.text for each in found.chosen if each.key == key]
        content = with_sentences(content, key, added, _comment(found))
    return content


def _comment(found: Suggested) -> str:
    if found.together is None:
        return ""
    by = len(found.reviewed.shows) - found.aside
    said = f"by `sluice policy suggest`: {_better(found.together.by)} on the {by:,} reviews that it was chosen by"
    on = found.together.aside
    return said + (", on no others" if on is None else f", {_better(on)} on {found.aside:,} others")


def _better(effect: Effect) -> str:
    precision, recall = ([f"{each.value:.2f}" for each in pair] for pair in (effect.precision, effect.recall))
    return f"precision {precision[0]} to {precision[1]}, recall {recall[0]} to {recall[1]}"


def diff_of(path: Path, before: bytes, after: bytes) -> Iterator[str]:
    """The lines of a unified diff."""
    old, new = (each.decode("utf-8-sig").splitlines() for each in (before, after))
    return difflib.unified_diff(old, new, str(path), str(path), lineterm="")


def alone(policy_set: PolicySet, policy: Policy) -> PolicySet:
    """The set of that policy and no other."""
    versioned = replace(policy, version=policy_version(policy, policy_set.defaults))
    return replace(policy_set, policies=(versioned,))


def _vocabulary(
    live: CompiledPolicies, policy: Policy, more: dict[str, Features], key: Key
) -> tuple[list[str], Features]:
    """Sentences of the set, and those of `more`, that are not the same to the model as lines of the policy.

    Nor, for ``prompts``, as those of another policy: lint would ask for one of the two back. Under ``unless`` what
    stands against it already, as nearly all of the background does, would change nothing.
    """
    head, column = live.prompts, live.ids.index(policy.id)
    own = {*policy.prompts, *policy.unless}
    at = [
        row
        for row, text in enumerate(head.sentences)
        if text not in own and (key == "prompts" or not head.considered[row, column])
    ]
    known = [head.sentences[row] for row in at]
    extra = [text for text in more if text not in own and text not in set(head.sentences)]
    features = np.concatenate([head.texts[at], *(more[text][np.newaxis] for text in extra)])
    others = {text for each in live.policies for text in each.prompts} if key == "prompts" else set[str]()
    taken = [row for row, text in enumerate(head.sentences) if text in own or text in others]
    new = ~_same(head.texts[taken], features)
    return [text for text, kept in zip([*known, *extra], new, strict=True) if kept], features[new]


def _flags(compiled: CompiledPolicies, policy: Policy, images: Sequence[Signals]) -> Flags:
    return np.asarray(compiled.look(images).scores[:, 0] >= policy.lowest)


def _worst(compiled: CompiledPolicies, images: Sequence[Signals]) -> Features:
    """``float32[N,D]``: of each image the view of the first look that the policy's prompts score highest."""
    best = [int(compiled.prompts.score(each.features).scores[:, 0].argmax()) for each in images]
    return np.stack([each.features[at] for each, at in zip(images, best, strict=True)])
