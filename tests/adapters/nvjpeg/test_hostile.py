"""The decoder with a device on bytes that mean it harm: never another answer in kind than Pillow's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.adapters.nvjpeg import NvjpegDecoder
from pipeline.adapters.nvjpeg.device import JpegDevice, Made, StoredJpeg
from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoded
from tests import images
from tests.adapters.damage import damaged
from tests.adapters.nvjpeg.test_decoder import DEVICES, PLAIN, decoders, on
from tests.adapters.pillow.test_decoder import spec

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")

WHOLE = PLAIN["colour"]
HUGE = bytearray(WHOLE)
HUGE[WHOLE.index(b"\xff\xc0") + 5 : WHOLE.index(b"\xff\xc0") + 9] = b"\xea\x60\xea\x60"
REFUSED = {
    "no bytes": b"",
    "zero bytes": bytes(1000),
    "HTML": images.HTML,
    "a start alone": b"\xff\xd8\xff",
    "no pixels": WHOLE[: WHOLE.index(b"\xff\xda")] + b"\xff\xd9",
    "huge": bytes(HUGE),
    "a bomb": images.bomb_png(),
    **{f"{share:.0%} of it": WHOLE[: int(len(WHOLE) * share)] for share in (0.02, 0.3, 0.7, 0.99)},
    "some of a progressive one": PLAIN["progressive"][: len(PLAIN["progressive"]) // 2],
    "cut, with a thumbnail's end": WHOLE[:2] + b"\xff\xe1\x00\x08Exif\xff\xd9" + WHOLE[2 : len(WHOLE) // 2],
}


def outcome(decoder: NvjpegDecoder | PillowDecoder, image: bytes) -> Decoded | Reason:
    try:
        return decoder.decode(image)
    except ItemError as error:
        return error.reason


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("device", DEVICES)
def test_what_is_no_image_is_refused_for_the_same_reason(name: str, device: str) -> None:
    mine, its = (outcome(each, REFUSED[name]) for each in on(device))
    assert isinstance(its, Reason)
    assert mine is its


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(PLAIN)), st.data())
def test_a_damaged_jpeg_is_an_image_exactly_where_pillow_says_so(name: str, data: st.DataObject) -> None:
    """Bytes overwritten, cut out and doubled."""
    file = data.draw(damaged(PLAIN[name]))
    mine, its = (outcome(each, file) for each in on("cpu"))
    if isinstance(its, Decoded):
        assert isinstance(mine, Decoded)
        assert (mine.pixels.shape, mine.frames) == (its.pixels.shape, its.frames)
    else:
        assert mine is its


def test_the_limit_of_pixels_is_checked_before_the_device_sees_anything() -> None:
    decoder, pillow = decoders(max_pixels=100 * 100)
    assert outcome(decoder, WHOLE) is Reason.TOO_LARGE
    assert pillow.asked == 1
    decoder.decode(images.encoded(images.flat(images.RED, (100, 100)), "JPEG"))
    assert pillow.asked == 1


class Picky(JpegDevice):
    """A device that refuses some files, and so every batch that one of them is in; it notes the batches."""

    def __init__(self, refused: set[bytes]) -> None:
        super().__init__(spec(), torch.device("cpu"), "centre")
        self.refused = refused
        self.batches: list[int] = []

    def made(self, jpegs: Sequence[StoredJpeg]) -> list[Made]:
        self.batches.append(len(jpegs))
        if self.refused & {each.data for each in jpegs}:
            raise RuntimeError("Error while decoding JPEG images: Failed to decode batch: 3")
        return super().made(jpegs)


def test_what_the_device_refuses_pillow_decides_and_the_rest_of_its_batch_stays_on_the_device() -> None:
    decoder, pillow = decoders()
    decoder._device = Picky({PLAIN["grey"]})
    stored = [decoder._for_device(PLAIN[name]) for name in ("colour", "grey", "4:4:4")]
    answers = decoder._made([each for each in stored if each])
    assert [answer is None for answer in answers] == [False, True, False]
    assert decoder._device.batches == [3, 1, 1, 1]
    assert np.array_equal(decoder.decode(PLAIN["grey"]).pixels, pillow.decode(PLAIN["grey"]).pixels)
