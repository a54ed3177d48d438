"""Stages: a failed item stays in its batch, is worked on no more, and becomes a dead letter at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.adapters.memory import MemoryBroker, MemoryFeatureCache, MemoryWriter
from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.errors import EncoderError, ItemError, PublishError, Reason
from pipeline.items import Batch, Item, Pixels
from pipeline.path.decide import Decide
from pipeline.path.decode import Decode
from pipeline.path.each import Threads
from pipeline.path.encode import Encode
from pipeline.path.fetch import Fetch
from pipeline.path.publish import Publish
from pipeline.path.recall import Recall
from pipeline.ports import Decoded, EncoderSpec, HookChain, Hooks, RecordWriter
from pipeline.rules.heads import compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Features, Pdqs, Signals
from pipeline.wire import (
    Answer,
    Claim,
    DeadLetter,
    Decided,
    Decision,
    Event,
    Failed,
    Form,
    Record,
    Topics,
    parse_decision,
    read_dead_letter,
    record_of,
)
from pipeline.wire.names import HEADERS_LIMIT
from tests.known_made import hashed
from tests.signals_made import MADE_BY, signals, whole

KNIFE, TREE = np.eye(4, dtype=np.float32)[:2]
CLAIM = [("content-type", b"application/json")]


class Brightness:
    """A decoder of its own little format: the first byte says how many views, the second what they show."""

    name = "test"

    def decode(self, image: bytes) -> Decoded:
        if image.startswith(b"!"):
            raise ItemError(Reason.TRUNCATED, "cut off")
        if image.startswith(b"?"):
            raise struct_error
        return Decoded(np.full((image[0], 2, 2, 3), image[1], np.uint8), whole(image[0], frames=image[0]))

    def tiles(self, image: bytes) -> Decoded:
        return self.decode(image)


struct_error = ValueError("unpack requires a buffer of 4 bytes")


class TwoThings:
    """An encoder that sees a knife where a view is bright, a tree where it is dark, nonsense where it is 13."""

    spec = EncoderSpec("t", "f", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 4, 77, 20.0, None)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode_images(self, pixels: Pixels) -> Features:
        self.batches.append(len(pixels))
        level = pixels[:, 0, 0, 0]
        features = np.where(level[:, None] > 100, KNIFE, TREE).astype(np.float32)
        features[level == 13] = np.nan
        return features

    def encode_texts(self, texts: Sequence[str]) -> Features:
        raise EncoderError(f"not asked for: {texts}")

    def count_tokens(self, text: str) -> int:
        return len(text)


class Answers:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, records: Sequence[Record]) -> None:
        self.records.extend(records)

    def close(self) -> None:
        pass


class Shelf:
    """A fetcher of two URIs."""

    def fetch(self, claim: Claim) -> bytes:
        if claim.uri == "https://here/knife":
            return b"\x01\xff"
        raise ItemError(Reason.FETCH_FAILED, f"nothing at {claim.uri}")


@pytest.fixture
def threads() -> Iterator[Threads]:
    with closing(Threads(2, "test")) as made:
        yield made


def publishing(writer: RecordWriter, hooks: Hooks | None = None) -> Publish:
    return Publish(RecordPublisher(writer, Topics("yes", "no")), hooks or Hooks(), lambda: 9.0)


def batch(*values: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> Batch:
    return Batch([Item(Event("t", 0, at, b"k%d" % at, value, headers)) for at, value in enumerate(values)])


def reasons(done: Batch) -> list[str | None]:
    return [item.failure.reason if item.failure else None for item in done.items]


def through(made: Batch, encoder: TwoThings, threads: Threads, cache: MemoryFeatureCache) -> Batch:
    hooks = Hooks()
    policies = PolicySet((Policy("weapons", "Weapons", ("knife",), {"block": 0.9}),), Defaults(background=("tree",)))
    compiled = compile_policies(policies, {"knife": KNIFE, "tree": TREE}, 20.0, None)
    decide = Decide(lambda: compiled, lambda: 5.0)
    stages = [
        Fetch(Shelf(), threads),
        Recall(cache, hooks),
        Decode(Brightness()),
        Encode(encoder, MADE_BY, cache, hooks),
        decide,
    ]
    for stage in stages:
        made = stage(made)
    return made


def test_good_and_bad_images_share_a_batch_and_each_gets_its_own_outcome(threads: Threads) -> None:
    made = batch(b"\x01\xff", b"!", b"\x01\x05", None, b"?", b"\x01\x0d")
    done = through(made, TwoThings(), threads, MemoryFeatureCache(10))
    assert reasons(done) == [None, "truncated", None, "empty", "stage_failed", "stage_failed"]
    assert [item.decision.verdict for item in done.items if item.decision] == ["block", "allow"]
    assert [item.failure.stage for item in done.items if item.failure] == ["decode", "fetch", "decode", "encode"]


def test_the_worst_view_counts(threads: Threads) -> None:
    class Late(Brightness):
        def decode(self, image: bytes) -> Decoded:
            pixels = np.zeros((8, 2, 2, 3), np.uint8)
            pixels[6] = 255
            return Decoded(pixels, whole(8, frames=8))

    made = batch(b"gif")
    made = Decode(Late())(Fetch(Shelf(), threads)(made))
    encoder = TwoThings()
    Encode(encoder, MADE_BY, MemoryFeatureCache(10), Hooks())(made)
    policies = PolicySet((Policy("weapons", "Weapons", ("knife",), {"block": 0.9}),), Defaults(background=("tree",)))
    compiled = compile_policies(policies, {"knife": KNIFE, "tree": TREE}, 20.0, None)
    Decide(lambda: compiled, lambda: 5.0)(made)
    decision = made.items[0].decision
    assert decision is not None
    assert (decision.verdict, decision.frames) == ("block", 8)


def test_an_item_never_gets_the_scores_of_its_neighbour() -> None:
    """Each of several with one or more views; one without any fails alone."""
    policies = PolicySet((Policy("weapons", "Weapons", ("knife",), {"block": 0.9}),), Defaults(background=("tree",)))
    compiled = compile_policies(policies, {"knife": KNIFE, "tree": TREE}, 20.0, None)
    stage = Decide(lambda: compiled, lambda: 5.0)
    made = batch(b"a", b"b", b"c", b"d")
    views = ([TREE], [TREE, KNIFE, TREE], [TREE, TREE], [KNIFE])
    for item, each in zip(made.items, views, strict=True):
        item.signals = signals(each)
    found = [item.decision.verdict for item in stage(made).items if item.decision is not None]
    assert found == ["allow", "block", "allow", "block"]
    made.items[1].signals = signals(np.empty((0, len(KNIFE))))
    done = stage(made)
    assert reasons(done) == [None, "stage_failed", None, None]
    assert [item.decision.verdict for item in done.items if item.decision is not None] == ["allow", "allow", "block"]


def test_a_batch_is_one_call_of_the_encoder_and_a_repeat_is_none(threads: Threads) -> None:
    encoder, cache = TwoThings(), MemoryFeatureCache(10)
    first = through(batch(b"\x01\xff", b"\x03\x05"), encoder, threads, cache)
    again = through(batch(b"\x03\x05", b"\x01\xff"), encoder, threads, cache)
    assert encoder.batches == [4]
    assert again.items[1].decision is not None
    assert first.items[0].decision is not None
    assert again.items[1].decision.scores == first.items[0].decision.scores
    assert again.items[0].signals is not None
    assert again.items[0].signals.frames == 3


def test_claim_checks_are_redeemed_and_a_bad_one_is_typed(threads: Threads) -> None:
    made = batch(b'{"uri": "https://here/knife"}', b'{"uri": "https://there"}', b"{}", headers=CLAIM)
    done = through(made, TwoThings(), threads, MemoryFeatureCache(10))
    assert reasons(done) == [None, "fetch_failed", "malformed_claim"]
    assert done.items[0].content_sha256 == sha256(b"\x01\xff").hexdigest()


@pytest.mark.parametrize("more", [{"headers": CLAIM * (HEADERS_LIMIT + 1)}, {"unread_headers": HEADERS_LIMIT + 1}])
def test_an_event_with_too_many_headers_is_answered_without_them_and_its_neighbours_as_ever(
    threads: Threads, more: dict[str, Any]
) -> None:
    made = batch(bytes([1, 200]), bytes([1, 0]))
    made.items.append(Item(Event("t", 0, 2, b"key", b'{"uri": "https://knife"}', **more)))
    most = Event("t", 0, 3, None, bytes([1, 200]), [("x", b"")] * HEADERS_LIMIT)
    made.items.append(Item(most))
    broker = MemoryBroker()
    _, [letter] = published(through(made, TwoThings(), threads, MemoryFeatureCache(10)), broker)
    assert reasons(made) == [None, None, "too_many_headers", None]
    assert letter.notes == [f"headers left out: {HEADERS_LIMIT + 1:,} of them"]
    assert (letter.left_out, letter.stage, letter.bytes) == ("headers", "fetch", 24)
    assert "t[0]@2 has 16,385 headers, and at most 16,384 are read" in letter.message


def test_every_item_is_published_as_a_decision_or_a_dead_letter(threads: Threads) -> None:
    answers = Answers()
    done = through(batch(b"\x01\xff", b"!"), TwoThings(), threads, MemoryFeatureCache(10))
    publishing(answers)(done)
    assert [record.topic for record in answers.records] == ["yes", "no"]
    assert parse_decision(answers.records[0].value or b"").image_id == "k0"
    assert answers.records[1].value == b"!"


def test_an_item_without_an_answer_is_never_passed_over() -> None:
    answers = Answers()
    done = publishing(answers)(batch(b"x"))
    assert reasons(done) == ["stage_failed"]
    assert [(record.topic, record.value) for record in answers.records] == [("no", b"x")]


def test_nothing_is_reported_as_decided_before_it_is_acknowledged(threads: Threads) -> None:
    class Down(Answers):
        def write(self, records: Sequence[Record]) -> None:
            raise PublishError(f"{len(records)} records not acknowledged")

    class Told(Hooks):
        calls = 0

        def answered(self, *_: object) -> None:
            self.calls += 1

    told = Told()
    done = through(batch(b"\x01\xff"), TwoThings(), threads, MemoryFeatureCache(10))
    with pytest.raises(PublishError):
        publishing(Down(), told)(done)
    assert told.calls == 0


def test_a_device_failure_stops_the_worker_instead_of_blaming_an_image(threads: Threads) -> None:
    class Broken(TwoThings):
        def encode_images(self, pixels: Pixels) -> Features:
            raise EncoderError(f"CUDA error with {len(pixels)} images")

    with pytest.raises(EncoderError):
        through(batch(b"\x01\xff"), Broken(), threads, MemoryFeatureCache(10))


def published(made: Batch, broker: MemoryBroker) -> tuple[list[Decision], list[DeadLetter]]:
    publishing(MemoryWriter(broker))(made)
    decisions = [parse_decision(each.value or b"") for each in broker.records("yes")]
    return decisions, list(map(read_dead_letter, broker.records("no")))


def one(threads: Threads, event: Event) -> Batch:
    return through(Batch([Item(event)]), TwoThings(), threads, MemoryFeatureCache(10))


def test_a_decision_that_its_topic_does_not_take_goes_without_the_events_headers(threads: Threads) -> None:
    broker = MemoryBroker(1)
    broker.limits["yes"] = 10_000
    headers = [("own", bytes(20_000))]
    (decision,), letters = published(one(threads, Event("t", 0, 0, b"k", b"\x01\xff", headers)), broker)
    assert (decision.verdict, decision.notes[-1]) == ("block", "headers left out: 'own'")
    assert letters == []


def test_a_decision_that_its_topic_takes_in_no_form_is_a_dead_letter(threads: Threads) -> None:
    broker = MemoryBroker(1)
    broker.limits["yes"] = 100
    decisions, (letter,) = published(one(threads, Event("t", 0, 0, b"k", b"\x01\xff")), broker)
    assert decisions == []
    assert (letter.stage, letter.reason) == ("publish", "answer_refused")
    assert broker.records("no")[0].value == b"\x01\xff"


@pytest.mark.parametrize(("limit", "kept"), [(6000, b"!" + bytes(4000)), (3000, None)])
def test_a_dead_letter_that_its_topic_does_not_take_loses_headers_and_then_its_value(
    threads: Threads, limit: int, kept: bytes | None
) -> None:
    broker = MemoryBroker(1)
    broker.limits["no"] = limit
    event = Event("t", 0, 5, b"k", b"!" + bytes(4000), [("own", bytes(9000))])
    _, (letter,) = published(one(threads, event), broker)
    (record,) = broker.records("no")
    assert letter.reason == "truncated"
    assert letter.notes[0] == "headers left out: 'own'"
    if kept is None:
        where = json.loads(record.value or b"")
        assert (where["topic"], where["offset"], where["bytes"]) == ("t", 5, 4001)
        assert record.header("sluice.left_out") == "value"
    else:
        assert record.value == kept


def test_a_compacted_topic_gets_a_key_made_of_the_events_place(threads: Threads) -> None:
    broker = MemoryBroker(1)
    broker.compacted = {"no"}
    published(one(threads, Event("t", 2, 5, None, b"!")), broker)
    (record,) = broker.records("no")
    assert (record.key, record.value) == (b"t/2/5", b"!")


def test_one_record_that_is_refused_changes_nothing_for_its_neighbours(threads: Threads) -> None:
    broker = MemoryBroker(1)
    broker.limits = {"yes": 10_000, "no": 10_000}
    headers = [("own", bytes(20_000))]
    events = [Event("t", 0, at, b"k%d" % at, b"\x01\xff", headers if at == 1 else ()) for at in range(3)]
    decisions, letters = published(
        through(Batch(list(map(Item, events))), TwoThings(), threads, MemoryFeatureCache(10)), broker
    )
    assert sorted((each.image_id, len(each.notes)) for each in decisions) == [("k0", 0), ("k1", 1), ("k2", 0)]
    assert letters == []


def test_a_topic_that_takes_nothing_stops_the_worker_and_says_what_to_change(threads: Threads) -> None:
    broker = MemoryBroker(1)
    broker.limits["no"] = 10
    with pytest.raises(PublishError, match=r"t\[0\]@5.*max\.message\.bytes"):
        published(one(threads, Event("t", 0, 5, b"k", b"!")), broker)


def test_whatever_building_one_answer_raises_is_that_items_dead_letter(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(answer: Answer, topics: Topics) -> Record:
        if isinstance(answer, Decided) and answer.event.offset == 1:
            raise OverflowError("no answer can be written of this")
        return record_of(answer, topics)

    monkeypatch.setattr("pipeline.adapters.record_publisher.record_of", odd)
    broker = MemoryBroker(1)
    made = through(batch(b"\x01\xff", b"\x01\xfe", b"\x01\x05"), TwoThings(), threads, MemoryFeatureCache(10))
    decisions, (letter,) = published(made, broker)
    assert sorted(each.image_id for each in decisions) == ["k0", "k2"]
    assert (letter.stage, letter.reason, letter.image_id) == ("publish", "stage_failed", "k1")
    assert letter.message == "no answer can be written of this"


def test_a_decision_that_no_form_can_be_written_of_is_a_dead_letter_and_its_neighbours_are_decided(
    threads: Threads,
) -> None:
    broker = MemoryBroker(1)
    made = through(
        batch(b"\x01\xff", b"\x01\x05", headers=[("own", b"1")]), TwoThings(), threads, MemoryFeatureCache(10)
    )
    odd = made.items[0].decision
    assert odd is not None
    made.items[0].decision = replace(odd, frames=object())
    (decision,), (letter,) = published(made, broker)
    assert (decision.image_id, letter.image_id) == ("k1", "k0")
    assert (letter.stage, letter.reason) == ("publish", "stage_failed")
    assert "object" in letter.message


def test_hooks_hear_of_each_answer_once_in_the_form_that_was_taken(threads: Threads) -> None:
    class Hears(Hooks):
        def __init__(self) -> None:
            self.answers: list[Answer] = []
            self.smaller: list[str] = []

        def answered(self, answer: Answer, latency: float | None) -> None:
            self.answers.append(answer)

        def answer_made_smaller(self, form: str) -> None:
            self.smaller.append(form)

    heard, broker = Hears(), MemoryBroker(1)
    broker.limits = {"yes": 100, "no": 3000}
    events = [
        Event("t", 0, at, b"k%d" % at, value, [("own", bytes(9000))]) for at, value in enumerate((b"\x01\xff", b"!"))
    ]
    made = through(Batch(list(map(Item, events))), TwoThings(), threads, MemoryFeatureCache(10))
    publishing(MemoryWriter(broker), heard)(made)
    assert [(type(each), each.event.offset, each.form) for each in heard.answers] == [
        (Failed, 0, Form.BARE),
        (Failed, 1, Form.BARE),
    ]
    assert sorted(heard.smaller) == ["bare", "bare", "bare", "dead_letter"]


def test_a_hook_that_raises_ends_nothing(threads: Threads) -> None:
    class Raises(Hooks):
        def answered(self, *_: object) -> None:
            raise RuntimeError("a listener's own trouble")

    heard: list[str] = []

    class Hears(Hooks):
        def answered(self, answer: Answer, latency: float | None) -> None:
            assert isinstance(answer, Decided)
            heard.append(answer.decision.image_id)

    done = through(batch(b"\x01\xff"), TwoThings(), threads, MemoryFeatureCache(10))
    publishing(Answers(), HookChain(Raises(), Hears()))(done)
    assert heard == ["k0"]


class Hashing(Brightness):
    """Counts how often it is asked for hashes."""

    def __init__(self) -> None:
        self.asked = 0

    def pdq(self, image: bytes) -> Pdqs:
        self.asked += 1
        return hashed(sha256(image).digest())


def test_hashes_are_made_only_while_a_list_needs_them_and_are_remembered() -> None:
    cache, decoder, needed = MemoryFeatureCache(10), Hashing(), False
    image = b"\x01\xff"

    def through() -> Signals:
        made = Item(Event("t", 0, 0, b"k", image), image=image, content_sha256=sha256(image).hexdigest())
        batch = Recall(cache, Hooks())(Batch([made]))
        batch = Decode(decoder, needs_pdq=lambda: needed)(batch)
        [item] = Encode(TwoThings(), MADE_BY, cache, Hooks())(batch).items
        assert item.signals is not None
        return item.signals

    assert (through().pdq, decoder.asked) == (None, 0)
    needed = True  # a list goes live: what was remembered lacks its hash
    found = [through().pdq, through().pdq]
    assert [each is not None and each.tobytes() for each in found] == [hashed(sha256(image).digest()).tobytes()] * 2
    assert decoder.asked == 1
    assert through().content_sha256 == sha256(image).hexdigest()
