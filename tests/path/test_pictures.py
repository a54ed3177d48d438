"""Example pictures become signals by the decoder and encoder of the path; what cannot be read is named."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pytest

from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.errors import ItemError, PolicyError, Reason
from pipeline.path.pictures import Pictures
from pipeline.ports import Decoded
from pipeline.rules.policies.assets import NEUTRAL, Asset
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import PolicySet
from pipeline.signals import WHOLE, regions_of
from tests.path.test_live import Hashing

POLICY = b"title: P\nprompts: [a vape]\nactions: {review: 0.5}\nexamples:\n  match:\n    - one.jpg\n    - two.jpg\n"


class Plain:
    """A decoder of one view, which refuses what begins with "bad"."""

    name = "plain"

    def __init__(self) -> None:
        self.read: list[bytes] = []

    def decode(self, image: bytes) -> Decoded:
        self.read.append(image)
        if image.startswith(b"bad"):
            raise ItemError(Reason.NOT_AN_IMAGE, "no image")
        return Decoded(np.full((1, 4, 4, 3), len(image), np.uint8), regions_of([WHOLE]))

    tiles = decode

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        raise NotImplementedError(frame, image)


def beside(*contents: bytes) -> dict[str, Asset]:
    names = ("one.jpg", "two.jpg")
    return {name: Asset(name, sha256(each).hexdigest(), each) for name, each in zip(names, contents, strict=True)}


def parsed(assets: dict[str, Asset], policy: bytes = POLICY) -> PolicySet:
    return parse_policies({"p/p.yaml": policy, "p/_defaults.yaml": b"allow_thin_background: true\n"}, assets=assets)


class Seeing(Hashing):
    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        rows = np.array([np.random.default_rng(int(each.flat[0])).normal(size=self.spec.features) for each in pixels])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def decoder() -> Plain:
    return Plain()


@pytest.fixture
def pictures(decoder: Plain) -> Pictures:
    return Pictures(Seeing(), decoder, MemoryFeatureCache(10))


def features(assets: Sequence[Asset]) -> list[list[float]]:
    return [each.signals.features[0].tolist() for each in assets if each.signals is not None]


def test_pictures_become_signals_once_and_are_let_go(pictures: Pictures, decoder: Plain) -> None:
    assets = beside(b"1", b"22")
    seen = pictures.seen(parsed(assets), assets)
    assert [each.content for each in seen.values()] == [b"", b""]
    assert len(features([*seen.values()])) == 2
    assert features([*pictures.seen(parsed(assets), assets).values()]) == features([*seen.values()])
    assert decoder.read == [b"1", b"22"]


def test_what_an_archive_kept_is_judged_by_without_a_picture(pictures: Pictures, decoder: Plain) -> None:
    assets = beside(b"1", b"22")
    kept = pictures.seen(parsed(assets), assets)
    again = Pictures(Seeing(), decoder, MemoryFeatureCache(0)).seen(parsed(dict(kept)), kept)
    assert features([*again.values()]) == features([*kept.values()])
    assert len(decoder.read) == 2
    decoder.name = "another"
    with pytest.raises(PolicyError, match="only features are left, which"):
        Pictures(Seeing(), decoder, MemoryFeatureCache(0)).seen(parsed(dict(kept)), kept)


def test_a_set_is_judged_again_beside_the_neutral_pictures_it_was_judged_beside(decoder: Plain) -> None:
    """Whatever ships by then."""

    def shipping(*names: str) -> Pictures:
        neutral = {path: Asset(path, sha256(path.encode()).hexdigest(), path.encode()) for path in names}
        return Pictures(Seeing(), decoder, MemoryFeatureCache(10), lambda: neutral)

    assets, before = beside(b"1", b"22"), f"{NEUTRAL}333.jpg"
    kept = shipping(before).seen(parsed(assets), assets)
    again = shipping(before, f"{NEUTRAL}4444.jpg").seen(parsed(assets), kept)
    assert set(again) == set(kept) == {*assets, before}


def test_a_picture_that_cannot_be_read_is_named_where_the_policy_names_it(pictures: Pictures) -> None:
    assets = beside(b"1", b"bad")
    with pytest.raises(PolicyError) as refused:
        pictures.seen(parsed(assets), assets)
    assert [str(each) for each in refused.value.problems] == ["p/p.yaml:7: 'two.jpg' cannot be read: no image"]


def test_pictures_of_a_policy_that_is_off_are_not_looked_at(pictures: Pictures, decoder: Plain) -> None:
    assets = beside(b"1", b"bad")
    seen = pictures.seen(parsed(assets, POLICY + b"mode: off\n"), assets)
    assert [each.content for each in seen.values()] == [b"", b""]
    assert decoder.read == []
