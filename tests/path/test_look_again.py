"""A second look at what is suspicious: what the model is shown, what is told of it, and that it loses no decision."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.adapters.redis import RedisConnection, RedisFeatureCache
from pipeline.errors import EncoderError, ItemError, LostDecoderError, Reason
from pipeline.items import Batch, Item, Pixels
from pipeline.path.decide import Decide
from pipeline.path.decode import Decode
from pipeline.path.each import Threads
from pipeline.path.encode import Encode
from pipeline.path.fetch import Fetch
from pipeline.path.keeps import every_image, no_image
from pipeline.path.look_again import LookAgain
from pipeline.path.recall import Recall
from pipeline.ports import Decoded, FeatureCache, Hooks, Stage
from pipeline.rules.heads import compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.rules.second_look import SecondLook
from pipeline.signals import Features, regions_of
from pipeline.wire import Event, Region, decision_json
from tests.path.test_stages import KNIFE, TREE, Shelf, TwoThings
from tests.signals_made import MADE_BY

POLICIES = PolicySet((Policy("weapons", "Weapons", ("knife",), {"block": 0.9}),), Defaults(background=("tree",)))
COMPILED = compile_policies(POLICIES, {"knife": KNIFE, "tree": TREE}, 20.0, None)
NEAR = np.array([0.62, 0.78, 0, 0], np.float32) / np.linalg.norm([0.62, 0.78])
BOX = (0.5, 0.5, 1.0, 1.0)


class Corners(TwoThings):
    """Sees a knife where the upper left pixel is bright, a trace of one where another is not dark, else a tree."""

    def encode_images(self, pixels: Pixels) -> Features:
        self.batches.append(len(pixels))
        bright, some = pixels[:, 0, 0, 0] > 100, (pixels > 20).any(axis=(1, 2, 3))
        features = np.where(bright[:, None], KNIFE, np.where(some[:, None], NEAR, TREE)).astype(np.float32)
        features[(pixels == 13).any(axis=(1, 2, 3)) & bright] = np.nan
        return features


class OneCorner:
    """Two pixels by two, of which the image's first byte says which is bright; 4: one is a little.

    Its last byte may be a ``t``, for something bright in a tile, or an ``n``, for what makes features not finite.
    """

    name = "test"

    def __init__(self) -> None:
        self.decoded = 0
        self.fails: Exception | None = None

    def decode(self, image: bytes) -> Decoded:
        self.decoded += 1
        if self.fails is not None and self.decoded > 1:
            raise self.fails
        pixels = np.zeros((1, 2, 2, 3), np.uint8)
        if image[:1] == b"4":
            pixels[0, 1, 1] = 50
        elif image[:1] != b"-":
            pixels.reshape(4, 3)[int(image[:1])] = 255
        if image.endswith(b"n"):
            pixels[0, 0, 0] = 13
        return Decoded(pixels, regions_of([(0.0, 0.0, 1.0, 1.0)]))

    def tiles(self, image: bytes) -> Decoded:
        pixels = np.zeros((9, 2, 2, 3), np.uint8)
        pixels[8, 0, 0] = 255 if image.endswith(b"t") else 0
        return Decoded(pixels, regions_of([(0.0, 0.0, 0.5, 0.5)] * 8 + [BOX]))


class Heard(Hooks):
    def __init__(self) -> None:
        self.again: list[tuple[int, int]] = []

    def looked_again(self, images: int, views: int) -> None:
        self.again.append((images, views))


class Worker:
    def __init__(self, look: SecondLook | None, at_most: int = 64, cache: FeatureCache | None = None) -> None:
        self.decoder, self.encoder, self.heard = OneCorner(), Corners(), Heard()
        cache = MemoryFeatureCache(10) if cache is None else cache
        decode = Decode(self.decoder, no_image if look is None else every_image)
        stages: list[Stage] = [Recall(cache, self.heard), decode, Encode(self.encoder, MADE_BY, cache, self.heard)]
        if look is not None:
            ends = self.decoder, self.encoder, lambda: COMPILED, self.heard
            stages.append(LookAgain(*ends, look=look, at_most=at_most))
        self.stages = [*stages, Decide(lambda: COMPILED, lambda: 5.0)]

    def __call__(self, *values: bytes) -> list[Item]:
        batch = Batch([Item(Event("t", 0, at, b"k%d" % at, value)) for at, value in enumerate(values)])
        with closing(Threads(1, "test")) as threads:
            batch = Fetch(Shelf(), threads)(batch)
        for stage in self.stages:
            batch = stage(batch)
        assert not any(item.image for item in batch.items), "an image is kept for nothing"
        return batch.items


def verdicts(items: Sequence[Item]) -> list[str | None]:
    return [item.decision and item.decision.verdict for item in items]


def test_a_turned_thing_is_found_by_a_second_look_alone_and_the_evidence_tells() -> None:
    assert verdicts(Worker(None)(b"1", b"0", b"-")) == ["allow", "block", "allow"]
    worker = Worker("turns")
    found, plainly, clean = worker(b"1", b"0", b"-")
    assert verdicts([found, plainly, clean]) == ["block", "block", "allow"]
    assert worker.heard.again == [(1, 3)]
    assert worker.encoder.batches == [3, 3]
    assert found.decision is not None
    (match,) = found.decision.matches
    assert match.evidence is not None
    assert match.evidence.view.turned == "270"
    assert found.decision.notes[0] == "looked at again: 3 views, which count from 0.9 on"
    assert plainly.decision is not None
    assert all("again" not in note for note in plainly.decision.notes)
    assert b"turned" not in decision_json(plainly.decision)


def test_what_is_small_is_found_in_a_tile_which_the_evidence_names() -> None:
    assert verdicts(Worker("turns")(b"4t")) == ["allow"]
    (item,) = Worker("all")(b"4t")
    assert item.decision is not None
    views = [match.evidence and match.evidence.view for match in item.decision.matches]
    assert views == [Region(0, BOX)]
    assert item.decision.notes[0] == "looked at again: 13 views, which count from 0.95 on"


def test_a_repeat_that_is_recalled_is_decided_the_same() -> None:
    worker = Worker("all")
    first, again = worker(b"1", b"4t", b"-"), worker(b"1", b"4t", b"-")
    assert [item.decision for item in again] == [item.decision for item in first]
    assert worker.heard.again == [(2, 26), (2, 26)]
    assert worker.encoder.batches == [3, 26, 26]


def test_with_redis_and_without_a_suspicious_image_is_decided_the_same(empty_redis: Any) -> None:
    def shared() -> RedisFeatureCache:
        return RedisFeatureCache(RedisConnection(empty_redis.url, timeout=5, budget=20), Corners.spec, MADE_BY)

    alone, (first, second) = Worker("all"), [shared(), shared()]
    decided = [item.decision for item in alone(b"1", b"4t", b"-")]
    assert [item.decision for item in Worker("all", cache=first)(b"1", b"4t", b"-")] == decided
    first.close()
    recalling = Worker("all", cache=second)
    assert [item.decision for item in recalling(b"1", b"4t", b"-")] == decided
    assert recalling.encoder.batches == [26], "the first look was recalled, and the second made anew"
    second.close()


def test_views_go_through_the_model_in_passes_that_are_bounded() -> None:
    worker = Worker("all", at_most=30)
    assert verdicts(worker(*[b"1"] * 5)) == ["block"] * 5
    assert worker.encoder.batches == [5, 26, 26, 13]


@pytest.mark.parametrize(
    "error",
    [ItemError(Reason.TOO_MUCH_WORK, "too much"), LostDecoderError(Reason.DECODER_DIED, "died twice"), OSError()],
)
def test_where_the_second_look_fails_the_first_decides_and_neighbours_lose_nothing(error: Exception) -> None:
    worker = Worker("turns")
    worker.decoder.fails = error
    (item,) = worker(b"1")
    assert item.decision is not None
    assert (item.decision.verdict, item.decision.notes[0]) == ("allow", "a second look failed, and the first decides")
    worker.decoder.fails = None
    assert verdicts(worker(b"1", b"0")) == ["block", "block"]


def test_features_that_are_not_finite_do_not_pass_for_a_second_look() -> None:
    hidden, found = Worker("turns")(b"1n", b"1")
    assert verdicts([hidden, found]) == ["allow", "block"]
    assert hidden.decision is not None
    assert hidden.decision.notes[0] == "a second look failed, and the first decides"


def test_a_device_that_fails_stops_the_worker_as_in_the_first_look() -> None:
    worker = Worker("turns")
    first = worker.encoder.encode_images

    def once(pixels: Pixels) -> Features:
        worker.encoder.encode_images = fail  # type: ignore[method-assign]
        return first(pixels)

    def fail(pixels: Pixels) -> Features:
        raise EncoderError(f"no device for {len(pixels)}")

    worker.encoder.encode_images = once  # type: ignore[method-assign]
    with pytest.raises(EncoderError):
        worker(b"1")
