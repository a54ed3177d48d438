"""What the archive remembers of a decision: the very signals that were judged, and nothing where it is off."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.items import Batch, Item
from pipeline.path.decide import Decide
from pipeline.path.encode import Encode
from pipeline.ports import Hooks
from pipeline.rules.archive.backgrounds import background_digest
from pipeline.rules.archive.remembered import as_kept, signals_of
from pipeline.rules.heads import compile_policies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Features
from pipeline.wire import Claim, Decided, Event, FeaturesRecord, archive_record_bytes, parse_archive_record
from tests.path.test_look_again import COMPILED, POLICIES, Worker
from tests.path.test_stages import TwoThings
from tests.signals_made import MADE_BY, signals, whole

ODD = np.array([0.1, 0.7, 0.33, 0.62], np.float32) / np.linalg.norm([0.1, 0.7, 0.33, 0.62])
"""A direction that float16 cannot say."""


class Odd(TwoThings):
    def encode_images(self, pixels: np.ndarray) -> Features:
        return np.repeat(ODD[None], len(pixels), axis=0).astype(np.float32)


def decided(item: Item, header: str | None = "subject") -> FeaturesRecord | None:
    Decide(lambda: COMPILED, lambda: 5.0, header)(Batch([item]))
    assert item.decision is not None
    return item.features


def seen(event: Event | None = None) -> Item:
    item = Item(event or Event("t", 0, 7, b"key", b"value"))
    item.signals = signals(as_kept(ODD[None]))
    return item


def test_what_is_judged_is_what_float16_can_say_and_so_is_what_is_cached() -> None:
    cache, item = MemoryFeatureCache(10), Item(Event("t", 0, 0, b"k", b"v"), content_sha256="a")
    item.pixels, item.regions = np.zeros((2, 2, 2, 3), np.uint8), whole(2)
    Encode(Odd(), MADE_BY, cache, Hooks())(Batch([item]))
    assert item.signals is not None
    kept = cache.get(["a"])["a"].features
    for features in (item.signals.features, kept):
        assert features.dtype == np.float32
        np.testing.assert_array_equal(features, features.astype(np.float16).astype(np.float32))
    np.testing.assert_allclose(item.signals.features, [ODD, ODD], atol=1e-3)


def test_a_second_look_is_remembered_as_it_was_judged() -> None:
    worker = Worker("all")
    worker.stages[-1] = Decide(lambda: COMPILED, lambda: 5.0, "subject")
    for item in worker(b"3", b"0", b"4", b"-"):
        assert item.decision is not None
        assert item.features is not None
        read = parse_archive_record(archive_record_bytes(item.features))
        assert isinstance(read, FeaturesRecord)
        assert read.decision == item.decision
        again = signals_of(read)
        assert (again.closer is None) == (item.signals is None or item.signals.closer is None)
        (found,) = judge([again], COMPILED)
        assert (found.scores, found.matches, found.verdict) == (
            item.decision.scores,
            item.decision.matches,
            item.decision.verdict,
        )
        sums = found.background_lse()
        assert sums is not None
        assert (read.background_lse, len(sums) * 2 * 4) == (sums.tobytes(), len(read.features))
        assert read.background == background_digest(POLICIES.defaults)


def test_nothing_is_remembered_where_the_archive_is_off() -> None:
    assert decided(seen(), None) is None


def test_a_set_without_a_background_has_no_sum_and_no_digest() -> None:
    bare = compile_policies(
        PolicySet((Policy("weapons", "Weapons", ("knife",), {"block": 0.9}),), Defaults()),
        {"knife": ODD},
        20.0,
        None,
    )
    item = seen()
    Decide(lambda: bare, lambda: 5.0, "subject")(Batch([item]))
    assert item.features is not None
    assert (item.features.background, item.features.background_lse) == ("", b"")


@pytest.mark.parametrize(
    ("headers", "claim", "subject"),
    [
        ([("User", b"ann")], Claim("https://x/y", subject="ben"), "ann"),
        ([("user", b"")], Claim("https://x/y", subject="ben"), "ben"),
        ([], Claim("https://x/y", subject="ben"), "ben"),
        ([], Claim("https://x/y"), None),
        ([], None, None),
        ([("user", b"\xff\xfe")], None, "\\xff\\xfe"),
        ([("user", b"a" * 10_000)], None, "sha256:27dd1f61b867b6a0f6e9d8a41c43231de52107e53ae424de8f847b821db4b711"),
    ],
)
def test_the_subject_is_what_the_header_says_else_the_claim(
    headers: list[tuple[str, bytes]], claim: Claim | None, subject: str | None
) -> None:
    item = seen(Event("t", 0, 7, b"key", b"value", headers))
    item.claim = claim
    record = decided(item, "User")
    assert record is not None
    assert record.subject == subject


def test_an_answer_carries_what_is_remembered_in_its_first_form_alone() -> None:
    item = seen(Event("t", 0, 7, b"key", b"value", [("own", b"x")]))
    record = decided(item)
    answer = item.answer("publish")
    assert isinstance(answer, Decided)
    assert record is not None
    assert answer.features == record
    smaller = answer.smaller()
    assert smaller == with_fields(answer, form=smaller.form if smaller else answer.form, features=None)
