"""*Reviews* in a real browser: by keys, two at once, and whatever strangers write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from types import SimpleNamespace

import httpx2
import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from pipeline.adapters.memory import MemoryBroker, MemoryTopic, MemoryWriter
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.ports import Decoder, Topic
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.remembered import remembered
from pipeline.wire import Record, Review, parse_review
from tests.archive.made import NOON, decision, keep, some_signals
from tests.console.conftest import SHAPES, accessible, look_at
from tests.console.served import Served, match, served, until
from tests.console.test_live import HOSTILE, PICTURE
from workers.console.desk.desk import Ask, Desk, LostError
from workers.console.desk.hands import LEASE
from workers.console.pictures.erased import FRESH
from workers.console.stream.answers import Passing
from workers.settings import load_settings

TOKENS = "vera:viewer:vvvvvvvvvvvvvvvv,rob:reviewer:rrrrrrrrrrrrrrrr,ann:reviewer:aaaaaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of two policies."""
    folder = tmp_path_factory.mktemp("policies")
    for name in ("weapons", "gore"):
        said = f"title: {name.capitalize()}\ndescription: {name} of any kind\nprompts: [{name}]\n"
        (folder / f"{name}.yaml").write_text(f"{said}actions: {{review: 0.6, block: 0.9}}\n")
    return str(folder)


@pytest.fixture
def console(policies: str, decoder: Decoder) -> Iterator[Served]:
    """A console at which everybody on this machine reviews."""
    with served(load_settings({"policies": policies}), decoder) as made:
        yield made


@pytest.fixture
def desk(policies: str, decoder: Decoder) -> Iterator[Served]:
    """A console at which two people review and one looks on."""
    with served(load_settings({"policies": policies, "console_tokens": TOKENS}), decoder) as made:
        yield made


def sent_to_review(console: Served, scores: Sequence[float], *policies: str) -> None:
    """Images that policies send to review with these scores, each a picture of its own."""
    for number, score in enumerate(scores):
        event = console.sent(PICTURE, f"image-{number}.jpg".encode())
        matches = [match(policy, score, "review") for policy in policies or ("weapons",)]
        console.decided(event, *matches, content_sha256=f"{number:064x}")
    console.read(len(scores))


def given(topic: Topic) -> list[Review]:
    """The reviews that stand in their topic, in the order of their times."""
    return sorted((parse_review(each.value or b"") for each in topic.read(topic.spans())), key=lambda each: each.at)


def reviews_of(console: Served) -> list[Review]:
    return given(MemoryTopic(console.broker, console.settings.reviews_topic))


def test_a_reviewer_judges_by_keys_and_takes_one_back(console: Served, opened: Callable[..., Page]) -> None:
    """The nearest to a threshold comes first; two keys an image."""
    sent_to_review(console, [0.999, 0.61, 0.7, 0.8, 0.95])
    page = opened(f"{console.address}/reviews")
    for image, key in (("image-1", "y"), ("image-2", "n"), ("image-4", "u")):
        expect(page.locator("#desk")).to_contain_text(image)
        page.keyboard.press(key)
        if key != "u":
            expect(page.locator("#alarm")).to_contain_text("Show the picture first")
            page.keyboard.press("Space")
            page.keyboard.press(key)
    expect(page.locator("#desk")).to_contain_text("image-3")
    page.keyboard.press("z")
    expect(page.locator("#desk")).to_contain_text("image-4")
    expect(page.locator("#progress dd").first).to_have_text("2")
    page.keyboard.press("Space")
    page.keyboard.press("y")
    for image in ("image-3", "image-0"):
        expect(page.locator("#desk")).to_contain_text(image)
        page.keyboard.press("Space")
        page.keyboard.press("n")
    expect(page.locator("#desk")).to_contain_text("Nothing waits")
    expect(page.locator("#progress dd").first).to_have_text("5")
    said = [(each.image_id, each.label) for each in reviews_of(console)]
    assert said == [
        ("image-1.jpg", "yes"),
        ("image-2.jpg", "no"),
        ("image-4.jpg", "unsure"),
        ("image-4.jpg", "unsure"),
        ("image-4.jpg", "yes"),
        ("image-3.jpg", "no"),
        ("image-0.jpg", "no"),
    ]
    assert {(each.reviewer, each.policy) for each in reviews_of(console)} == {("local", "weapons")}


def test_what_was_asked_for_before_an_undo_does_not_bring_the_image_a_second_time(
    console: Served, opened: Callable[..., Page]
) -> None:
    """The next image is on its way when the last judgement is taken back, and is that very one."""
    sent_to_review(console, [0.61, 0.62, 0.63, 0.64, 0.65])
    page = opened(f"{console.address}/reviews")
    expect(page.locator("#ahead .review")).to_have_count(2)
    held: list[Route] = []
    page.route("**/reviews/next*", lambda route: held.append(route))  # noqa: PLW0108 - it sets an attribute on it

    def asked(times: int) -> None:
        """Wait until the page has asked so often: a request arrives here while the browser is being waited for."""
        ends = monotonic() + 30
        while len(held) < times:
            assert monotonic() < ends, f"{len(held)} requests, not {times}"
            page.wait_for_timeout(20)

    for judged in ("1", "2"):
        page.keyboard.press("u")
        expect(page.locator("#progress dd").first).to_have_text(judged)
    expect(page.locator("#desk")).to_contain_text("image-2")
    asked(1)
    held[0].continue_()
    expect(page.locator("#ahead .review")).to_have_count(1)
    asked(2)
    page.keyboard.press("z")
    expect(page.locator("#desk")).to_contain_text("image-1")
    held[1].continue_()
    page.unroute("**/reviews/next*")
    for image in (1, 2, 3, 4):
        expect(page.locator("#desk")).to_contain_text(f"image-{image}")
        page.keyboard.press("u")
    expect(page.locator("#desk")).to_contain_text("Nothing waits")
    expect(page.locator("#alarm")).to_be_hidden()


def test_two_who_review_at_once_never_get_the_same_and_a_viewer_gets_none(
    desk: Served, opened: Callable[..., Page]
) -> None:
    sent_to_review(desk, [0.6 + number / 100 for number in range(8)])
    ann, rob = (opened(f"{desk.address}/sign-in?then=/reviews") for _ in range(2))
    for page, token in ((ann, "a" * 16), (rob, "r" * 16)):
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
    for _ in range(2):
        for page in (ann, rob):
            expect(page.locator("#ahead .review")).to_have_count(2)
        seen = [
            event
            for page in (ann, rob)
            for event in page.locator(".review").evaluate_all("all => all.map(each => each.dataset.event)")
        ]
        assert len(seen) == len(set(seen)) == 6
        for page in (ann, rob):
            page.keyboard.press("u")
    until(lambda: len(reviews_of(desk)) == 4)
    assert {each.reviewer for each in reviews_of(desk)} == {"ann", "rob"}
    assert len({each.event_id for each in reviews_of(desk)}) == 4
    ann.goto(f"{desk.address}/live")
    for _ in range(4):
        expect(rob.locator("#desk .review")).to_have_count(1, timeout=60_000)
        rob.keyboard.press("u")
    expect(rob.locator("#desk")).to_contain_text("Nothing waits")
    until(lambda: [each.reviewer for each in reviews_of(desk)].count("rob") == 6)
    with httpx2.Client(base_url=desk.address, headers={"authorization": "Bearer " + "v" * 16}) as vera:
        assert vera.get("/reviews").status_code == 403
        assert vera.get("/reviews/next").status_code == 403
        assert vera.post("/reviews/judge", data={"event": seen[0], "rest": "yes"}).status_code == 403
        assert 'href="/reviews"' not in vera.get("/live").text


def test_what_a_page_shows_after_a_reload_is_nobody_else_s(desk: Served) -> None:
    """A browser says that it leaves a page after it has opened the next one, which shows the same image."""
    sent_to_review(desk, [0.7])
    ann, rob = (
        httpx2.Client(base_url=desk.address, headers={"authorization": f"Bearer {each * 16}"}) for each in "ar"
    )

    def opened_by(person: httpx2.Client) -> tuple[str, str]:
        """The page as it is called, and the image that it shows."""
        text = person.get("/reviews").text
        page, event = (text.partition(f'{each}="')[2].partition('"')[0] for each in ("data-page", "data-event"))
        return page, event

    with ann, rob:
        first, event = opened_by(ann)
        second, again = opened_by(ann)
        assert event == again != ""
        assert ann.post("/reviews/leave", data={"page": first, "events": event}).status_code == 204
        assert opened_by(rob)[1] == ""
        assert ann.post("/reviews/leave", data={"page": second, "events": event}).status_code == 204
        until(lambda: opened_by(rob)[1] == event)


def test_what_is_being_written_is_not_asked_or_written_a_second_time(policies: str, decoder: Decoder) -> None:
    """A form that was sent twice, and a page that is opened while the first answer waits for the broker."""
    begun, opens, broker = Event(), Event(), MemoryBroker(2)

    class Slow(MemoryWriter):
        def write(self, records: Sequence[Record]) -> None:
            begun.set()
            assert opens.wait(60)
            super().write(records)

    settings = load_settings({"policies": policies, "audit_topic": "off"})
    with served(settings, decoder, writer=lambda: Slow(broker)) as made, ThreadPoolExecutor(1) as pool:
        sent_to_review(made, [0.7])
        with httpx2.Client(base_url=made.address, timeout=60) as person:
            event = person.get("/reviews").text.split('data-event="')[1].split('"')[0]
            said = {"event": event, "label:weapons": "yes"}
            first = pool.submit(person.post, "/reviews/judge", data=said)
            assert begun.wait(30)
            assert "data-event" not in person.get("/reviews").text
            assert person.post("/reviews/judge", data=said).status_code == 409
            opens.set()
            assert first.result().status_code == 303
        assert len(given(MemoryTopic(broker, settings.reviews_topic))) == 1


def test_who_has_no_script_judges_by_forms_and_none_is_taken_for_another(desk: Served) -> None:
    sent_to_review(desk, [0.7, 0.8], "weapons", "gore")
    ann, rob = (
        httpx2.Client(base_url=desk.address, headers={"authorization": f"Bearer {each * 16}"}) for each in "ar"
    )
    with ann, rob:
        page = ann.get("/reviews").text
        event = page.split('data-event="')[1].split('"')[0]
        assert rob.post("/reviews/judge", data={"event": event, "rest": "no"}).status_code == 409
        assert ann.post("/reviews/judge", data={"event": event, "rest": "perhaps"}).status_code == 400
        said = {"event": event, "label:gore": "yes", "rest": "no"}
        assert ann.post("/reviews/judge", data=said).status_code == 303
        assert ann.post("/reviews/judge", data=said).status_code == 409, "twice is once"
        assert {(each.policy, each.label) for each in reviews_of(desk)} == {("gore", "yes"), ("weapons", "no")}
        assert ann.post("/reviews/undo").status_code == 303
        assert event in ann.get("/reviews").text
        assert rob.post("/reviews/undo").status_code == 409


def test_of_an_archive_what_is_nearly_the_same_is_judged_at_once(policies: str, decoder: Decoder) -> None:
    rng, store = np.random.default_rng(0), MemoryStore()
    one, other = some_signals(1, rng), some_signals(1, rng)
    said = {"verdict": "review", "matches": [match("weapons", 0.7, "review")], "scores": {"weapons": 0.7}}
    signals = enumerate([one, one, other])
    keep(store, [remembered(decision(number, each, NOON + number, **said), each) for number, each in signals])
    settings = load_settings({"policies": policies, "console_tokens": TOKENS})
    with served(settings, decoder, archive=lambda: nullcontext(Archive(store))) as console:
        desk, always = console.console.desk, Ask(None, 0)
        first = desk.next("ann", always)
        assert first is not None
        Archive(store).deny_list.add([erased(Kind.IMAGE, "image-7")], "2026-01-01T00:00:00Z")
        sleep(FRESH)
        assert desk.next("ann", always) == first, "it is looked for anew once anybody is erased"
        second = desk.next("rob", always)
        assert second is not None
        assert {len(first.alike), len(second.alike)} == {0, 1}
        assert desk.next("eve", always) is None
        for who, image in (("ann", first), ("rob", second)):
            desk.judge(who, image.decision.event_id, {"weapons": "yes"})
        assert {each.image_id for each in reviews_of(console)} == {"image-0", "image-1", "image-2"}
        assert "the archive" in desk.progress("eve", always).looked


def test_who_is_erased_is_in_nobody_s_hands_or_queue_any_more(policies: str, decoder: Decoder) -> None:
    rng, store = np.random.default_rng(0), MemoryStore()
    said = {"verdict": "review", "matches": [match("weapons", 0.7, "review")], "scores": {"weapons": 0.7}}
    signals = enumerate(some_signals(1, rng) for _ in range(3))
    keep(store, [remembered(decision(number, each, NOON + number, **said), each) for number, each in signals])
    with served(
        load_settings({"policies": policies}), decoder, archive=lambda: nullcontext(Archive(store))
    ) as console:
        desk, always = console.console.desk, Ask(None, 0)
        first, second = desk.next("ann", always), desk.next("rob", always)
        assert first is not None
        assert second is not None
        desk.judge("rob", second.decision.event_id, {"weapons": "yes"})
        both = [erased(Kind.IMAGE, each.decision.image_id) for each in (first, second)]
        Archive(store).deny_list.add(both, "2026-01-01T00:00:00Z")
        sleep(FRESH)
        with pytest.raises(LostError):
            desk.judge("ann", first.decision.event_id, {"weapons": "yes"})
        assert desk.undo("rob") is None
        left = desk.next("ann", always)
        assert left is not None
        assert left.decision.image_id not in {each.decision.image_id for each in (first, second)}
        assert [each.image_id for each in reviews_of(console)] == [second.decision.image_id]


def test_what_is_left_lying_is_another_s_and_comes_back_to_nobody(policies: str) -> None:
    now = [1e9]
    broker = MemoryBroker(1)
    settings = load_settings({"policies": policies})
    reach = SimpleNamespace(
        archive=None,
        topic=lambda name: MemoryTopic(broker, name),
        writer=lambda: MemoryWriter(broker),
        leases=None,
    )
    desk = Desk(reach, settings, lambda: now[0], ticks=lambda: now[0])  # type: ignore[arg-type]
    seen = decision(0, some_signals(1, np.random.default_rng(0)), verdict="review", scores={"weapons": 0.7})
    seen = msgspec.structs.replace(seen, matches=[match("weapons", 0.7, "review")])
    desk.queues.take(Passing(1, now[0], seen, seen.source))
    assert desk.next("ann", Ask()) is not None
    assert desk.next("rob", Ask()) is None
    now[0] += LEASE + 1
    assert desk.next("rob", Ask()) is not None
    with pytest.raises(LostError, match="somebody else"):
        desk.judge("ann", seen.event_id, {"weapons": "no"})
    desk.judge("rob", seen.event_id, {"weapons": "yes"})
    now[0] += 100
    assert desk.next("ann", Ask()) is None
    assert [each.reviewer for each in desk.known.all()] == ["rob"]
    desk.close()


def test_a_clock_that_is_set_back_hides_nothing_that_waits(policies: str) -> None:
    """What came since, what others say since, and what somebody left five minutes ago."""
    now, ticks, broker = [1e9], [0.0], MemoryBroker(1)
    reach = SimpleNamespace(
        archive=None,
        topic=lambda name: MemoryTopic(broker, name),
        writer=lambda: MemoryWriter(broker),
        leases=None,
    )
    settings = load_settings({"policies": policies})
    desk = Desk(reach, settings, lambda: now[0], ticks=lambda: ticks[0])  # type: ignore[arg-type]
    assert desk.next("ann", Ask(days=0)) is None
    now[0] -= 86_400
    ticks[0] += 3
    seen = decision(0, some_signals(1, np.random.default_rng(0)), verdict="review", scores={"weapons": 0.7})
    seen = msgspec.structs.replace(seen, matches=[match("weapons", 0.7, "review")])
    desk.queues.take(Passing(1, now[0], seen, seen.source))
    assert desk.next("ann", Ask(days=0)) is not None
    now[0] -= 86_400
    ticks[0] += LEASE + 1
    assert desk.next("rob", Ask(days=0)) is not None
    desk.close()


def test_a_broker_that_is_away_loses_no_judgement(console: Served, opened: Callable[..., Page]) -> None:
    sent_to_review(console, [0.7, 0.8])
    page = opened(f"{console.address}/reviews")
    expect(page.locator("#ahead .review")).to_have_count(1)
    console.broker.available = False
    page.keyboard.press("u")
    expect(page.locator("#alarm")).to_contain_text("Not recorded")
    expect(page.locator("#desk")).to_contain_text("image-0")
    console.broker.available = True
    page.keyboard.press("u")
    until(lambda: reviews_of(console))
    assert [each.image_id for each in reviews_of(console)] == ["image-0.jpg"]


def test_who_leaves_while_judgements_wait_is_warned_and_loses_none(
    policies: str, decoder: Decoder, browser: Browser
) -> None:
    """A broker that restarts lets the first wait, and the page goes on meanwhile."""
    opens = Event()

    class Slow(MemoryWriter):
        def write(self, records: Sequence[Record]) -> None:
            assert opens.wait(60)
            super().write(records)

    broker = MemoryBroker(2)
    settings = load_settings({"policies": policies, "audit_topic": "off"})
    with served(settings, decoder, writer=lambda: Slow(broker)) as made, closing(browser.new_context()) as context:
        page, asked = context.new_page(), list[str]()
        sent_to_review(made, [0.61, 0.62, 0.63, 0.64])
        page.goto(f"{made.address}/reviews")
        expect(page.locator("#ahead .review")).to_have_count(2)
        for image in (0, 1, 2):
            expect(page.locator("#desk")).to_contain_text(f"image-{image}")
            page.keyboard.press("u")
        expect(page.locator("#late")).to_contain_text("3 judgements are not recorded yet")
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        page.goto(f"{made.address}/live")
        assert asked == ["beforeunload"]
        opens.set()
        until(lambda: len(given(MemoryTopic(broker, settings.reviews_topic))) == 3)


def test_a_judgement_that_was_not_recorded_is_said_again_by_any_key(
    console: Served, opened: Callable[..., Page]
) -> None:
    sent_to_review(console, [0.7], "weapons", "gore")
    page = opened(f"{console.address}/reviews")
    expect(page.locator("#desk .review")).to_have_count(1)
    console.broker.available = False
    for _ in range(2):
        page.keyboard.press("u")
    expect(page.locator("#alarm")).to_contain_text("Not recorded")
    console.broker.available = True
    page.keyboard.press("u")
    until(lambda: len(reviews_of(console)) == 2)


@pytest.mark.parametrize(("width", "scheme"), SHAPES[::3])
def test_the_page_is_sound_in_every_shape_whatever_strangers_write(
    console: Served, opened: Callable[..., Page], tmp_path: Path, width: int, scheme: str
) -> None:
    hostile = console.sent(PICTURE, HOSTILE.encode(), [("subject", HOSTILE.encode())])
    console.decided(hostile, match(HOSTILE, 0.8, "review"), match("gore", 0.7, "review"), image_id=HOSTILE)
    console.read(1)
    page = opened(f"{console.address}/reviews", width, scheme)
    expect(page.locator("#desk")).to_contain_text("<script>")
    accessible(page)
    look_at(page, tmp_path, f"reviews-hostile-{width}-{scheme}")
    sent_to_review(console, [0.6])
    page.keyboard.press("Space")
    page.keyboard.press("x")
    until(lambda: len(reviews_of(console)) == 2)
    console.console.desk.known.all()
    page.goto(f"{console.address}/reviews?policy=weapons")
    page.keyboard.press("Space")
    accessible(page)
    look_at(page, tmp_path, f"reviews-{width}-{scheme}")
    assert "\u202e" not in page.content()
