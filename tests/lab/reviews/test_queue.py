"""The queue of somebody who reviews: what is in it, in which order, and what becomes of what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.lab.reviews.given import given, publish, right, taken_back
from pipeline.lab.reviews.queue import waiting
from pipeline.rules.archive.remembered import remembered
from pipeline.rules.reviews.queueing import Mix
from pipeline.rules.reviews.settled import settle
from pipeline.rules.reviews.waiting import Waiting, Wanted
from pipeline.rules.times import ALWAYS
from pipeline.wire import Action, Label, Match, Record, Review, parse_review
from tests.archive.made import NOON, decision, keep, some_signals

ACTIONS = {"weapons": {"review": 0.5, "block": 0.9}, "gore": {"review": 0.7}}
AT = "2026-09-21T12:00:00.000Z"


def match(policy: str, score: float, action: Action = "review") -> Match:
    return Match(policy, "v", action, score, 0.5, "", 0.0)


def stream(*flagged: float, allowed: int = 0, same: Sequence[int] = ()) -> Archive:
    """Images that weapons sends to review with these scores, then allowed ones; those of `same` are alike."""
    rng, made = np.random.default_rng(0), []
    one = some_signals(1, rng)
    for number in range(len(flagged) + allowed):
        signals = one if number in same else some_signals(1, rng)
        scores = {"weapons": flagged[number] if number < len(flagged) else 0.1, "gore": 0.2}
        said = {"verdict": "review", "matches": [match("weapons", flagged[number])]} if number < len(flagged) else {}
        event = f"{number * 7919 % 1000:04x}{number:028x}"
        made.append(
            remembered(decision(number, signals, NOON + number, event_id=event, scores=scores, **said), signals)
        )
    store = MemoryStore()
    keep(store, made)
    return Archive(store)


def queue(archive: Archive, *reviews: Review, **said: object) -> list[Waiting]:
    wanted = Wanted(**{"reviewer": "ann", "actions": ACTIONS, **said})  # type: ignore[arg-type]
    return waiting(archive, archive.segments(), ALWAYS, wanted, reviews)


def said(found: Waiting, label: Label, reviewer: str = "ann", at: str = AT) -> list[Review]:
    return given(found, dict.fromkeys(found.policies, label), reviewer, at)


def images(found: Sequence[Waiting]) -> list[str]:
    return [each.decision.image_id for each in found]


def test_what_is_least_sure_comes_first_whichever_threshold_it_is_near() -> None:
    found = queue(stream(0.7, 0.999, 0.51, 0.899))
    assert images(found) == ["image-3", "image-2", "image-0", "image-1"]
    assert {(each.kind, each.policies, each.inclusion_probability) for each in found} == {("sent", ("weapons",), 1.0)}


def test_what_was_answered_comes_no_more_and_what_was_taken_back_neither() -> None:
    archive = stream(0.6, 0.7)
    first, second = queue(archive)
    reviews = said(first, "yes")
    assert images(queue(archive, *reviews)) == images([second])
    by_image = [replace(each, event_id="") for each in reviews]
    assert images(queue(archive, *by_image)) == images([second])
    (settled,) = settle([*reviews, *taken_back(reviews, "2026-09-21T13:00:00.000Z")])["weapons"].labels
    assert settled.label == "unsure"


def test_pictures_that_are_nearly_the_same_are_asked_about_once_and_answered_all() -> None:
    archive = stream(0.6, 0.7, 0.8, 0.85, same=(1, 2, 3))
    found = queue(archive)
    assert [len(each.alike) for each in found] == [0, 2] or [len(each.alike) for each in found] == [2, 0]
    folded = next(each for each in found if each.alike)
    assert {each.image_id for each in said(folded, "no")} == {"image-1", "image-2", "image-3"}
    assert images(queue(archive, *said(folded, "no"))) == ["image-0"]


def test_some_of_the_allowed_are_among_them_with_their_chance_and_ask_about_every_policy() -> None:
    archive = stream(*[0.6] * 8, allowed=60)
    found = queue(archive, drawn=0.0005, mix=Mix(drawn_every=4))
    assert [each.kind for each in found][:8] == ["sent", "sent", "sent", "drawn"] * 2
    drawn = [each for each in found if each.kind == "drawn"]
    assert {each.inclusion_probability for each in said(drawn[0], "no")} == {0.0005}
    assert drawn[0].policies == ("gore", "weapons")
    assert queue(archive)[-1].kind == "sent", "none is drawn unless that is asked for"
    again = queue(archive, drawn=0.0005, mix=Mix(drawn_every=4))
    assert images(again) == images(found), "who asks again finds the same order"


def test_what_others_agree_on_is_mixed_in_for_who_has_not_judged_it() -> None:
    archive = stream(*[0.6] * 10)
    known = queue(archive, reviewer="eve")[0]
    reviews = [*said(known, "yes", "bob"), *said(known, "yes", "cay")]
    found = queue(archive, *reviews, mix=Mix(golden_every=5))
    assert [each.kind for each in found] == ["sent"] * 4 + ["golden"] + ["sent"] * 5
    golden = found[4]
    assert golden.decision == known.decision
    assert [right(golden, {"weapons": label}) for label in ("yes", "no", "unsure")] == [True, False, None]
    assert right(found[0], {"weapons": "yes"}) is None
    assert {each.kind for each in queue(archive, *reviews, reviewer="bob", mix=Mix(golden_every=5))} == {"sent"}
    differing = [*reviews, *said(known, "no", "dan")]
    assert {each.kind for each in queue(archive, *differing, mix=Mix(golden_every=5))} == {"sent"}


def test_a_golden_one_stands_for_as_many_as_before() -> None:
    archive = stream(0.6, 0.6, 0.6)
    (first, *_) = queue(archive)
    reviews = [
        replace(each, inclusion_probability=0.25) for who in ("bob", "cay") for each in said(first, "yes", who)
    ]
    golden = next(each for each in queue(archive, *reviews, mix=Mix(golden_every=2)) if each.kind == "golden")
    assert {each.inclusion_probability for each in said(golden, "no")} == {0.25}


def test_one_policy_may_be_asked_about_alone() -> None:
    archive = stream(0.6, allowed=20)
    assert queue(archive, policy="gore") == []
    assert {each.policies for each in queue(archive, policy="gore", drawn=1.0)} == {("gore",)}


def test_reading_ends_when_it_is_told_to_and_what_was_found_is_shown() -> None:
    archive = stream(0.6, 0.7)
    wanted = Wanted("ann", ACTIONS, most=1)
    assert images(waiting(archive, archive.segments(), ALWAYS, wanted, [], stop=lambda: True)) == ["image-0"]
    assert waiting(archive, [], ALWAYS, wanted, []) == []


class Writer:
    def __init__(self) -> None:
        self.written: list[Record] = []

    def write(self, records: Sequence[Record]) -> None:
        self.written += records

    def close(self) -> None: ...


def test_what_is_said_is_published_under_the_image_and_has_the_same_id_again() -> None:
    writer, (found, *_) = Writer(), queue(stream(0.6))
    publish(writer, "reviews", said(found, "yes"))
    publish(writer, "reviews", said(found, "yes"))
    first, again = writer.written
    assert first == again
    assert (first.topic, first.key) == ("reviews", b"image-0")
    assert (parse_review(first.value or b"").policy, parse_review(first.value or b"").reviewer) == ("weapons", "ann")
