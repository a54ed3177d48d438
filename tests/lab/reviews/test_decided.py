"""Reviews are joined to decisions as they were made: flagged, allowed, or another's."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.lab.reviews.decided import COLUMNS, judged_by_reviews
from pipeline.lab.reviews.misses import PolicyQuality
from pipeline.rules.reviews.settled import settle
from pipeline.wire import CANARY_IDS, FeaturesRecord, Label, Match, Review
from tests.archive.made import keep, records


def match(policy: str) -> Match:
    return Match(policy, "v", "block", 0.9, 0.8, "", 0.0)


def review(number: int, label: Label, chance: float = 1.0, policy: str = "weapons") -> Review:
    """Of an event, or of its image, by turns."""
    event, image = ("", f"image-{number}") if number % 2 else (f"{number:032x}", "")
    said = {"event_id": event, "image_id": image, "policy": policy, "label": label, "inclusion_probability": chance}
    return Review(review_id=f"{number}-{policy}", at="2026-09-20T00:00:00Z", **said)  # type: ignore[arg-type]


SCORES = {"weapons": 0.1, "gore": 0.1}
"""Every decision scores both; what they are is not looked at."""


def made() -> list[FeaturesRecord]:
    """Ten that weapons flags, five that gore does, five that weapons would in shadow, and twenty that are allowed."""
    found = []
    for number, record in enumerate(records(40)):
        said: dict[str, object] = {}
        if number < 10:
            said = {"verdict": "block", "matches": [match("weapons")]}
        elif number < 15:
            said = {"verdict": "block", "matches": [match("gore")]}
        elif number < 20:
            said = {"shadow": [match("weapons")]}
        found.append(replace(record, decision=replace(record.decision, scores=SCORES, **said)))
    return found


def judged(*reviews: Review, of: Sequence[FeaturesRecord] = ()) -> list[PolicyQuality]:
    store = MemoryStore()
    every = of or made()
    keep(store, every[:17])
    keep(store, every[17:], start=17)
    archive = Archive(store)
    return judged_by_reviews(archive.blocks(archive.segments(), COLUMNS), settle(reviews))


def test_each_counts_where_its_decision_put_it() -> None:
    (found,) = judged(
        *(review(number, "yes" if number < 8 else "no") for number in range(10)),
        review(12, "yes"),
        review(16, "yes"),
        review(25, "yes", 0.5),
        review(26, "no", 0.5),
        review(27, "unsure", 0.5),
        review(99, "yes"),
    )
    assert (found.policy, found.flagged.events, found.allowed.events) == ("weapons", 15, 20)
    assert (found.flagged.yes.images, found.flagged.no.images) == (9, 2)
    assert (found.allowed.yes.weight, found.allowed.no.weight) == (2.0, 2.0)
    assert (found.others, found.unsure, found.missing) == (1, 1, 1)
    assert found.precision.value == 9 / 11


def test_policies_have_figures_of_their_own() -> None:
    gore, weapons = judged(review(12, "no", policy="gore"), review(3, "yes"), review(30, "yes", policy="gore"))
    assert (gore.flagged.events, gore.allowed.events, weapons.flagged.events) == (5, 25, 15)
    assert (gore.precision.value, weapons.precision.value) == (0.0, 1.0)


def test_a_policy_allows_only_what_sets_with_it_decided() -> None:
    """The last twenty were decided before gore was written: of these it neither flagged nor missed any."""
    before = {"policy_set": "before-gore", "scores": {"weapons": 0.1}}
    every = made()
    every[20:] = [replace(each, decision=replace(each.decision, **before)) for each in every[20:]]
    said = (review(12, "yes", policy="gore"), review(18, "no", policy="gore"), review(30, "yes", policy="gore"))
    gore, weapons = judged(*said, review(30, "no"), of=every)
    assert (gore.flagged.events, gore.allowed.events, weapons.allowed.events) == (5, 5, 20)
    assert (gore.allowed.yes.images, gore.allowed.no.images, gore.unscored, gore.unscored_reviewed) == (0, 1, 20, 1)
    assert gore.misses.value == 0.0
    assert "20 images, of which 1 are reviewed, were decided by policies without it" in " ".join(gore.remarks())
    assert (weapons.unscored, weapons.unscored_reviewed) == (0, 0)


def test_canaries_are_neither_caught_nor_let_pass() -> None:
    """Every tenth event is one: of those that weapons flags, of the shadow's, and of the allowed."""
    every = [
        replace(each, decision=replace(each.decision, image_id=f"{CANARY_IDS}{number}")) if number % 10 == 0 else each
        for number, each in enumerate(made())
    ]
    (found,) = judged(review(0, "no"), review(2, "yes"), review(30, "yes"), review(25, "no"), of=every)
    assert (found.flagged.events, found.allowed.events, found.unscored) == (14, 18, 0)
    assert (found.flagged.yes.images, found.flagged.no.images) == (1, 0)
    assert (found.allowed.yes.images, found.allowed.no.images, found.missing) == (0, 1, 0)
