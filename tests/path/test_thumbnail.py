"""Thumbnails: only of images that are wanted, of bytes that are kept no longer, and never at a decision's cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.errors import ItemError, Reason, StopError
from pipeline.items import Batch, Item
from pipeline.path.decide import Decide
from pipeline.path.decode import Decode
from pipeline.path.keeps import every_image
from pipeline.path.look_again import LookAgain
from pipeline.path.thumbnail import Thumbnail
from pipeline.ports import Hooks
from pipeline.rules.archive.thumbnails import Wanted, Which, shown_frame
from pipeline.wire import Event, PromptEvidence, Region
from tests.deploy.traffic import decision
from tests.path.test_look_again import COMPILED, OneCorner, Worker
from tests.path.test_stages import KNIFE, TREE
from tests.signals_made import signals

BOX = (0.0, 0.0, 1.0, 1.0)


class Drawn(OneCorner):
    """Draws the frame's number before the image; what begins with ``!`` cannot be drawn."""

    stops = False

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        if self.stops:
            raise StopError("no process")
        if image.startswith(b"!"):
            raise ItemError(Reason.DECODE_FAILED, "no")
        return b"%d:%s" % (frame, image)


class Heard(Hooks):
    def __init__(self) -> None:
        self.results: list[str] = []

    def thumbnail(self, result: str) -> None:
        self.results.append(result)


def decided(*images: tuple[bytes, list[object]]) -> Batch:
    """Images with the features of their views, decided."""
    batch = Batch([Item(Event("t", 0, at, b"k%d" % at, image)) for at, (image, _) in enumerate(images)])
    for item, (image, features) in zip(batch.items, images, strict=True):
        item.image, item.signals = image, signals(features, frames=len(features))
    return Decide(lambda: COMPILED, lambda: 5.0, "subject")(batch)


def thumbnails(batch: Batch) -> list[bytes | None]:
    return [item.features.thumbnail if item.features is not None else None for item in batch.items]


def test_flagged_images_have_one_of_the_frame_that_the_match_rests_on() -> None:
    heard = Heard()
    made = decided((b"a", [TREE]), (b"b", [TREE, TREE, KNIFE]), (b"c", [KNIFE]))
    done = Thumbnail(Drawn(), Wanted("flagged"), heard)(made)
    assert thumbnails(done) == [None, b"2:b", b"0:c"]
    assert heard.results == ["made", "made"]
    assert not any(item.image for item in done.items)


def test_one_that_cannot_be_drawn_costs_neither_the_decision_nor_the_features() -> None:
    heard = Heard()
    done = Thumbnail(Drawn(), Wanted("all"), heard)(decided((b"!", [KNIFE]), (b"b", [TREE])))
    assert thumbnails(done) == [None, b"0:b"]
    assert all(item.failure is None and item.decision and item.features for item in done.items)
    assert heard.results == ["failed", "made"]


def test_a_worker_that_must_stop_stops() -> None:
    decoder = Drawn()
    decoder.stops = True
    with pytest.raises(StopError):
        Thumbnail(decoder, Wanted("all"), Hooks())(decided((b"a", [TREE])))


def test_what_failed_has_none() -> None:
    made = decided((b"a", [TREE]))
    made.items[0].fail("decide", ItemError(Reason.STAGE_FAILED, "no"))
    done = Thumbnail(Drawn(), Wanted("all"), Hooks())(made)
    assert (thumbnails(done), done.items[0].image) == ([done.items[0].features and None], b"")


@pytest.mark.parametrize("look", [None, "all"])
def test_no_image_is_kept_for_longer_than_one_is_wanted(look: str | None) -> None:
    """`Worker` says so of every image, after the last stage."""
    worker = Worker(look)  # type: ignore[arg-type]
    wanted, decoder = Wanted("flagged"), Drawn()
    at = next(at for at, stage in enumerate(worker.stages) if isinstance(stage, Decode))
    worker.stages[at] = Decode(worker.decoder, every_image)
    if look:
        ends = worker.decoder, worker.encoder, lambda: COMPILED, worker.heard
        worker.stages[-2] = LookAgain(*ends, look="all", at_most=64, keeps=every_image)
    worker.stages[-1:] = [Decide(lambda: COMPILED, lambda: 5.0, "s"), Thumbnail(decoder, wanted, Hooks())]
    made = worker(b"0-", b"--", b"3-")
    assert [item.features and item.features.thumbnail for item in made] == [
        b"0:0-",
        None,
        b"0:3-" if look else None,
    ]


IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)


class TestWanted:
    @given(IDS, st.floats(0, 1))
    def test_a_sample_goes_by_the_events_id_alone(self, event_id: str, share: float) -> None:
        for action in ("label", "block"):
            made = replace(decision({"weapons": 0.9}, action=action), event_id=event_id)  # type: ignore[arg-type]
            assert Wanted("sampled", share).is_wanted(made) == Wanted("sampled", share).may_be(event_id)

    def test_a_share_of_events_is_in_the_sample(self) -> None:
        ids = [Item(Event("t", 0, at, None, b"")).event_id for at in range(4000)]
        assert sum(map(Wanted("sampled", 0.25).may_be, ids)) == pytest.approx(1000, abs=150)
        assert not any(map(Wanted("sampled", 0.0).may_be, ids))
        assert all(map(Wanted("sampled", 1.0).may_be, ids))

    @given(IDS, st.sampled_from(["flagged", "sampled", "all"]), st.floats(0, 1), st.sampled_from([0.1, 0.9]))
    def test_what_is_wanted_may_have_been(self, event_id: str, which: Which, share: float, score: float) -> None:
        made = replace(decision({"weapons": score}), event_id=event_id)
        wanted = Wanted(which, share)
        assert wanted.may_be(event_id) or not wanted.is_wanted(made)

    def test_a_match_in_shadow_is_one(self) -> None:
        assert Wanted("flagged").is_wanted(decision({"tobacco": 0.9}))
        assert not Wanted("flagged").is_wanted(decision({"tobacco": 0.1}))


def test_the_frame_is_that_of_the_severest_match() -> None:
    made = decision({"weapons": 0.9, "tobacco": 0.9})
    shown = PromptEvidence("x", 0.5, Region(7, BOX))
    assert shown_frame(made) == 0
    assert shown_frame(replace(made, shadow=[replace(made.shadow[0], evidence=shown)])) == 7
    assert shown_frame(replace(made, matches=[replace(made.matches[0], evidence=shown)])) == 7
