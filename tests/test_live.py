"""Live policies: what is encoded on an edit, what is shared, and that a bad edit changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import pytest

from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import PolicyError, StopError
from pipeline.items import Features, Pixels
from pipeline.live import LivePolicies
from pipeline.ports import EncoderSpec, Hooks
from pipeline.rules.policy_set import CalibratedFor

DEFAULTS = b"templates: ['{}', 'a photo of {}']\nbackground: _background.txt\n"


class Hashing:
    """An encoder whose text features are drawn from the text's hash; it remembers what it was asked."""

    spec = EncoderSpec("t", "f", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 8, 77, 20.0, None)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Features:
        self.asked += texts
        seeds = [int.from_bytes(sha256(text.encode()).digest()[:4]) for text in texts]
        vectors = np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds]).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def encode_images(self, pixels: Pixels, *, spread: bool = True) -> Features:
        raise AssertionError(f"{len(pixels)} images: a policy edit touches no image")

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


class Rubbish(MemoryTextCache):
    """A cache that holds vectors of another model's size."""

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, Features]:
        return {digest: np.ones(3, np.float32) for digest in digests}


class Told(Hooks):
    def __init__(self) -> None:
        self.versions: list[str] = []
        self.refused = 0
        self.for_another: list[dict[str, CalibratedFor]] = []

    def policies_loaded(self, version: str, policies: int) -> None:
        self.versions.append(version)

    def policies_refused(self, reason: str) -> None:
        self.refused += 1

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        self.for_another.append(dict(policies))


def folder(*prompts: str) -> dict[str, bytes]:
    lines = "".join(f"  - {prompt}\n" for prompt in prompts)
    weapons = f"title: Weapons\nprompts:\n{lines}actions:\n  block: 0.5\n"
    files = {"weapons.yaml": weapons.encode(), "_defaults.yaml": DEFAULTS, "_background.txt": b"a cup\na tree\n"}
    return {f"policies/{name}": content for name, content in files.items()}


def test_an_edit_encodes_the_new_sentences_and_no_other() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, MemoryTextCache(), Hooks())
    live.offer(folder("a knife"))
    assert len(encoder.asked) == 3 * 2
    live.offer(folder("a knife", "a bomb"))
    assert encoder.asked[6:] == ["a bomb", "a photo of a bomb"]


def test_a_second_worker_encodes_nothing_that_the_first_has_shared() -> None:
    cache, second = MemoryTextCache(), Hashing()
    first = LivePolicies(Hashing(), cache, Hooks())
    first.offer(folder("a knife"))
    other = LivePolicies(second, cache, Hooks())
    other.offer(folder("a knife"))
    assert second.asked == []
    assert np.array_equal(other().texts, first().texts)


def test_features_of_a_wrong_size_are_encoded_anew() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, Rubbish(), Hooks())
    live.offer(folder("a knife"))
    assert live().texts.shape == (3, 8)
    assert len(encoder.asked) == 6


def test_a_bad_edit_is_refused_and_the_last_good_set_stays_live() -> None:
    told = Told()
    live = LivePolicies(Hashing(), MemoryTextCache(), told)
    good = live.offer(folder("a knife")).version
    with pytest.raises(PolicyError, match=r"weapons\.yaml"):
        live.offer({**folder("a knife"), "policies/weapons.yaml": b"title: 3\n"})
    assert live().policy_set.version == good
    assert (told.versions, told.refused) == ([good], 1)


def test_each_set_tells_which_thresholds_were_set_for_another_model() -> None:
    """Set by hand, for this model, for another one, and for another one in a policy that is off."""
    told = Told()
    live = LivePolicies(Hashing(), MemoryTextCache(), told)
    by_hand = folder("a knife")
    weapons = by_hand["policies/weapons.yaml"]
    for fingerprint, mode in (("f", "enforce"), ("else", "shadow"), ("else", "off")):
        calibrated = f"mode: {mode}\ncalibrated: {{model: small, fingerprint: {fingerprint}}}\n"
        live.offer({**by_hand, "policies/weapons.yaml": weapons + calibrated.encode()})
    live.offer(by_hand)
    assert told.for_another == [{}, {"weapons": CalibratedFor("small", "else")}, {}, {}]


def test_before_the_first_good_set_nothing_is_decided() -> None:
    with pytest.raises(StopError):
        LivePolicies(Hashing(), MemoryTextCache(), Hooks())()
