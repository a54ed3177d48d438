"""Live policies: what is encoded on an edit, what is shared, and that a bad edit changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from threading import Event

import numpy as np
import pytest

from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import EncoderError, PolicyError, StopError
from pipeline.items import Pixels
from pipeline.path.live import LivePolicies
from pipeline.ports import EncoderSpec, Hooks
from pipeline.rules.heads.ensembles import digest
from pipeline.rules.policies.backgrounds import LEAST_BACKGROUND
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import CalibratedFor
from pipeline.signals import Features

DEFAULTS = b"templates: ['{}', 'a photo of {}']\nbackground: _background.txt\nallow_thin_background: true\n"


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

    def encode_images(self, pixels: Pixels) -> Features:
        raise AssertionError(f"{len(pixels)} images: a policy edit touches no image")

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


class Told(Hooks):
    def __init__(self) -> None:
        self.versions: list[str] = []
        self.refused = 0
        self.for_another: list[dict[str, CalibratedFor]] = []
        self.backgrounds: list[int] = []

    def background(self, lines: int) -> None:
        self.backgrounds.append(lines)

    def policies_loaded(self, version: str, policies: int) -> None:
        self.versions.append(version)

    def policies_refused(self, reason: str) -> None:
        assert reason == "invalid", "who offers tells what else went wrong"
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
    assert np.array_equal(other().prompts.texts, first().prompts.texts)


def test_features_of_a_wrong_size_are_encoded_anew() -> None:
    encoder, cache = Hashing(), MemoryTextCache()
    for prompt in ("a knife", "a cup", "a tree"):
        cache.put(encoder.spec.fingerprint, {digest(prompt, ["{}", "a photo of {}"]): np.ones(3, np.float32)})
    live = LivePolicies(encoder, cache, Hooks())
    live.offer(folder("a knife"))
    assert live().prompts.texts.shape == (3, 8)
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


def test_text_past_the_models_context_length_is_refused() -> None:
    live = LivePolicies(Hashing(), MemoryTextCache(), Hooks())
    with pytest.raises(PolicyError, match=r"weapons\.yaml:3"):
        live.offer(folder(" ".join(["knife"] * 90)))


class Sigmoid(Hashing):
    spec = replace(Hashing.spec, logit_bias=-10.0)


def test_a_sigmoid_model_needs_no_neutral_sentences() -> None:
    """Its score of one policy is nothing to do with what stands against it."""
    encoder = Sigmoid()
    live = LivePolicies(encoder, MemoryTextCache(), Hooks())
    live.offer(broad())
    assert len(encoder.asked) == LEAST_BACKGROUND + 1
    assert live().prompts.logit_bias == -10.0


def test_before_the_first_good_set_nothing_is_decided() -> None:
    with pytest.raises(StopError, match="no policy set is live yet"):
        LivePolicies(Hashing(), MemoryTextCache(), Hooks())()


class Aligned(Hashing):
    """Sentences that share a word point the same way, so that what is close to what can be chosen."""

    def encode_texts(self, texts: Sequence[str]) -> Features:
        self.asked += texts
        return super().encode_texts([text.removeprefix("a photo of ").split()[-1] for text in texts])


def broad(content: bytes = b"", prompts: str = "a knife", defaults: str = "templates: ['{}']") -> dict[str, bytes]:
    """One policy, a background of its own and no leave to be thin."""
    weapons = f"title: Weapons\nprompts:\n  - {prompts}\nactions:\n  block: 0.5\n"
    return {
        "p/weapons.yaml": weapons.encode(),
        "p/_defaults.yaml": f"{defaults}\nbackground: things.txt\n".encode(),
        "p/things.txt": content or "".join(f"thing{n}\n" for n in range(LEAST_BACKGROUND)).encode(),
    }


def offered(files: Mapping[str, bytes]) -> list[str]:
    """What is said of them."""
    live = LivePolicies(Aligned(), MemoryTextCache(), Hooks())
    try:
        live.offer(files)
    except PolicyError as error:
        with pytest.raises(StopError):
            live()
        return [str(problem) for problem in error.problems]
    return []


def test_a_broad_background_is_taken() -> None:
    assert offered(broad()) == []


def test_a_background_that_is_all_too_close_to_a_policy_is_refused_with_the_line_of_its_prompts() -> None:
    close = "".join(f"{n} knife\n" for n in range(LEAST_BACKGROUND)).encode()
    (found,) = offered(broad(close))
    assert found.startswith("p/weapons.yaml:2: nothing stands against its prompts")
    few = close + b"a cup\na tree\n"
    (found,) = offered(broad(few))
    assert found.startswith(f"p/weapons.yaml:2: only 2 of {LEAST_BACKGROUND + 2} background lines are not too close")


def test_too_close_set_so_low_that_nothing_is_left_is_refused() -> None:
    (found,) = offered(broad(defaults="templates: ['{}']\ntoo_close: 0"))
    assert "too_close" in found or "nothing stands against" in found


def test_without_anything_against_it_a_policy_is_refused_even_where_a_thin_background_is_asked_for() -> None:
    files = {**folder("a knife"), "policies/_background.txt": b""}
    (found,) = offered(files)
    assert found.startswith("policies/weapons.yaml:2: nothing stands against its prompts")
    unless = files["policies/weapons.yaml"] + b"unless: [a spoon]\n"
    assert offered({**files, "policies/weapons.yaml": unless}) == []


def test_all_policies_off_score_nothing_and_encode_nothing() -> None:
    """With a background and without; a policy that is off beside one that is not changes nothing for that one."""
    for background in (b"", b"a cup\na tree\n"):
        encoder, told = Hashing(), Told()
        live = LivePolicies(encoder, MemoryTextCache(), told)
        off = {**folder("a knife"), "policies/_background.txt": background}
        off["policies/weapons.yaml"] += b"mode: off\n"
        live.offer(off)
        assert live().prompts.score(np.ones((3, 8), np.float32)).scores.shape == (3, 0)
        assert (encoder.asked, told.refused) == ([], 0)
        live.offer(folder("a knife"))
        assert live().prompts.score(np.ones((3, 8), np.float32)).scores.shape == (3, 1)


def test_looking_at_another_set_forgets_nothing_of_the_live_one() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, NoCache(), Hooks())
    good = live.offer(folder("a knife"))
    preview = live.compiled(parse_policies(folder("a bomb")))
    assert (preview.ids, live().policy_set.version) == (("weapons",), good.version)
    encoder.asked.clear()
    live.offer(folder("a knife"))
    assert encoder.asked == []


def test_offers_at_the_same_time_are_taken_one_after_the_other() -> None:
    """Whoever comes last is live, whole: its prompts, its version and its metrics belong together."""
    told = Told()
    live = LivePolicies(Hashing(), NoCache(), told)
    sets = [folder(f"a knife number {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        versions = [each.version for each in threads.map(live.offer, sets)]
    assert sorted(told.versions) == sorted(versions)
    assert live().policy_set.version == told.versions[-1]
    assert live().policies[0].prompts[0] in live().policy_set.sentences()


class NoCache(MemoryTextCache):
    def get(self, fingerprint: str, digests: Sequence[str], dimension: int) -> dict[str, Features]:
        return {}


def test_a_look_asks_for_what_the_live_set_lacks_and_remembers_none_of_it() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, NoCache(), Hooks())
    live.offer(folder("a knife"))
    for _ in range(2):
        encoder.asked.clear()
        looked_at = live.compiled(parse_policies(folder("a knife", "a bomb")))
        assert encoder.asked == ["a bomb", "a photo of a bomb"]
    encoder.asked.clear()
    live.offer(folder("a knife", "a bomb"))
    assert encoder.asked == ["a bomb", "a photo of a bomb"]
    assert np.array_equal(live().prompts.texts, looked_at.prompts.texts)


def test_sentences_that_left_the_set_are_forgotten() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, NoCache(), Hooks())
    live.offer(folder("a knife"))
    live.offer(folder("a bomb"))
    encoder.asked.clear()
    live.offer(folder("a knife"))
    assert encoder.asked == ["a knife", "a photo of a knife"]


def test_other_templates_make_other_features() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, NoCache(), Hooks())
    live.offer(folder("a knife"))
    before = live().prompts.texts
    encoder.asked.clear()
    live.offer({**folder("a knife"), "policies/_defaults.yaml": DEFAULTS.replace(b"a photo", b"a sketch")})
    assert len(encoder.asked) == 3 * 2
    assert not np.allclose(before, live().prompts.texts)


class Asked(MemoryTextCache):
    """Counts the round trips that a shared cache would need."""

    def __init__(self) -> None:
        super().__init__()
        self.trips: list[str] = []

    def get(self, fingerprint: str, digests: Sequence[str], dimension: int) -> dict[str, Features]:
        self.trips.append("get")
        return super().get(fingerprint, digests, dimension)

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        self.trips.append("put")
        super().put(fingerprint, features)


def test_the_shared_cache_is_asked_once_and_told_once_for_a_set() -> None:
    """Neutral sentences, by which it is seen whether a set flags everything, are of the set's own trip."""
    cache = Asked()
    live = LivePolicies(Aligned(), cache, Hooks())
    live.offer(broad())
    assert cache.trips == ["get", "put"]
    live.offer(broad())
    assert cache.trips == ["get", "put"]
    live.offer(broad(prompts="the knife"))
    assert cache.trips == ["get", "put"] * 2
    LivePolicies(Aligned(), cache, Hooks()).offer(broad())
    assert cache.trips == ["get", "put"] * 2 + ["get"]


class Waiting(Hashing):
    """Encodes a bomb only once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.let = Event(), Event()

    def encode_texts(self, texts: Sequence[str]) -> Features:
        if "a bomb" in texts:
            self.reached.set()
            assert self.let.wait(60)
        return super().encode_texts(texts)


def test_an_offer_goes_by_a_look_that_takes_its_time() -> None:
    encoder = Waiting()
    live = LivePolicies(encoder, NoCache(), Hooks())
    live.offer(folder("a knife"))
    with ThreadPoolExecutor(1) as thread:
        look = thread.submit(live.compiled, parse_policies(folder("a bomb")))
        assert encoder.reached.wait(60)
        offered = live.offer(folder("a sword"))
        encoder.let.set()
        assert look.result(60).policies[0].prompts == ("a bomb",)
    assert live().policy_set.version == offered.version


def test_looks_go_by_an_offer_that_takes_its_time() -> None:
    encoder = Waiting()
    live = LivePolicies(encoder, NoCache(), Hooks())
    before = live.offer(folder("a knife"))
    with ThreadPoolExecutor(1) as thread:
        offer = thread.submit(live.offer, folder("a bomb"))
        assert encoder.reached.wait(60)
        encoder.asked.clear()
        assert live.compiled(parse_policies(folder("a knife"))).policies[0].prompts == ("a knife",)
        assert (encoder.asked, live().policy_set.version) == ([], before.version)
        encoder.let.set()
        assert live().policy_set.version in (before.version, offer.result(60).version)
    assert live().policies[0].prompts == ("a bomb",)


def test_looks_and_offers_at_once_each_get_what_they_asked_for() -> None:
    encoder = Hashing()
    live = LivePolicies(encoder, NoCache(), Hooks())
    sets = [folder("a knife", f"a thing {number}") for number in range(4)]
    expected = [
        LivePolicies(encoder, NoCache(), Hooks()).compiled(parse_policies(files)).prompts.texts for files in sets
    ]
    live.offer(sets[0])

    def look(number: int) -> bool:
        if number % 3 == 0:
            live.offer(sets[number % 4])
        return np.array_equal(live.compiled(parse_policies(sets[number % 4])).prompts.texts, expected[number % 4])

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(look, range(120)))


class Failing(Hashing):
    """Its device fails at a bomb, as often as `fails` says."""

    fails = 1

    def encode_texts(self, texts: Sequence[str]) -> Features:
        if "a bomb" in texts and self.fails:
            self.fails -= 1
            raise EncoderError("the device is gone")
        return super().encode_texts(texts)


def test_an_offer_that_fails_half_way_changes_nothing_and_may_be_made_again() -> None:
    encoder, told = Failing(), Told()
    live = LivePolicies(encoder, NoCache(), told)
    before = live.offer(folder("a knife"))
    with pytest.raises(EncoderError):
        live.offer(folder("a bomb"))
    assert (live().policy_set.version, told.versions, told.refused) == (before.version, [before.version], 0)
    encoder.asked.clear()
    live.offer(folder("a knife"))
    assert encoder.asked == []
    assert live.offer(folder("a bomb")).version == live().policy_set.version


def test_what_a_refused_set_had_encoded_is_not_remembered() -> None:
    encoder = Aligned()
    live = LivePolicies(encoder, NoCache(), Hooks())
    live.offer(broad())
    close = "".join(f"{n} knife\n" for n in range(LEAST_BACKGROUND)).encode()
    for _ in range(2):
        encoder.asked.clear()
        with pytest.raises(PolicyError):
            live.offer(broad(close))
        assert set(encoder.asked) >= set(close.decode().splitlines())
    encoder.asked.clear()
    live.offer(broad())
    assert encoder.asked == []


class Damaged(Hashing):
    def encode_texts(self, texts: Sequence[str]) -> Features:
        return np.full((len(texts), 8), np.nan, np.float32)


def test_features_that_are_not_finite_are_an_error_and_not_shared() -> None:
    cache = MemoryTextCache()
    with pytest.raises(EncoderError, match="damaged"):
        LivePolicies(Damaged(), cache, Hooks()).offer(folder("a knife"))
    good = Hashing()
    LivePolicies(good, cache, Hooks()).offer(folder("a knife"))
    assert len(good.asked) == 3 * 2


def test_the_background_that_stands_against_the_policies_is_told() -> None:
    told = Told()
    LivePolicies(Aligned(), MemoryTextCache(), told).offer(broad())
    assert told.backgrounds == [LEAST_BACKGROUND]
