"""Headers read without a decoder: no bytes give anything but a typed refusal, and sizes are the decoder's own."""

from __future__ import annotations

import struct
import warnings
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import orientation
from pipeline.rules.images.formats import sniff
from pipeline.rules.images.frames import LEAST_FRAMES, frames_for, some
from pipeline.rules.images.headers import Stored, read
from pipeline.rules.images.work import LEAST_SIDE, MAX_BYTES, MAX_SECONDS, SMALL_ENOUGH, Work, halvings
from tests import hostile_images as hostile
from tests import images
from tests.adapters.damage import damaged

STILL = images.photograph(90, 60)
FILES = {
    "JPEG": images.encoded(STILL, "JPEG"),
    "progressive": images.encoded(STILL, "JPEG", progressive=True, icc_profile=hostile.icc(1.8)),
    "PNG": images.encoded(STILL, icc_profile=hostile.icc(1.8)),
    "APNG": hostile.apng((60, 40), 3),
    "GIF": images.long_gif(4),
    "WEBP": images.encoded(STILL, "WEBP"),
    "lossless": images.encoded(STILL, "WEBP", lossless=True, exif=hostile.exif((274, 3, 1, 6))),
    "animated": images.animated([STILL, images.flat(images.RED, (90, 60))], "WEBP"),
    "BMP": images.encoded(STILL, "BMP"),
    "AVIF": images.encoded(STILL, "AVIF"),
    "AVIF sequence": images.animated([STILL, images.flat(images.RED, (90, 60))], "AVIF"),
}


def headers(file: bytes, max_pixels: int = 64_000_000) -> Stored:
    name = sniff(file)
    assert name is not None
    return read(name, file, max_pixels, fast=True, shrink=lambda _size, _colour: 1)


@pytest.mark.parametrize("name", FILES)
def test_size_and_frames_are_what_the_decoder_finds(name: str) -> None:
    stored = headers(FILES[name])
    with Image.open(BytesIO(FILES[name])) as still:
        assert stored.size == still.size
        assert stored.frames == getattr(still, "n_frames", 1)
    assert 0 < stored.work.seconds < 0.1
    assert 0 < stored.work.memory < 5_000_000


@pytest.mark.parametrize("name", FILES)
def test_what_the_decoder_gets_has_the_same_pixels(name: str) -> None:
    with Image.open(BytesIO(FILES[name])) as whole, Image.open(BytesIO(headers(FILES[name]).data)) as kept:
        assert whole.tobytes() == kept.tobytes()


@pytest.mark.parametrize("name", FILES)
def test_the_limit_of_pixels_holds_for_every_format(name: str) -> None:
    with pytest.raises(ItemError) as caught:
        headers(FILES[name], max_pixels=1000)
    assert caught.value.reason is Reason.TOO_LARGE


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_headers_are_read_or_refused(name: str, data: st.DataObject) -> None:
    file = data.draw(damaged(FILES[name]))
    if sniff(file) is None:
        return
    try:
        stored = headers(file)
    except ItemError:
        return
    assert stored.frames >= 1
    assert 1 <= stored.orientation <= 8
    assert stored.work.seconds <= MAX_SECONDS
    assert stored.work.memory <= MAX_BYTES


@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF", "HEIC"]), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, rest: bytes) -> None:
    start = {"JPEG": b"\xff\xd8", "PNG": hostile.SIGNATURE, "WEBP": b"RIFF\x00\x00\x00\x00WEBP"}.get(name, b"")
    with suppress(ItemError):
        read(name, start + rest, 64_000_000, fast=False, shrink=lambda _size, _colour: 1)


@given(st.binary(max_size=200))
def test_any_exif_says_which_way_is_up(block: bytes) -> None:
    for start in (b"", b"Exif\x00\x00", b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08"):
        assert 1 <= orientation(start + block) <= 8


def test_a_frame_that_stands_out_of_a_gif_enlarges_it_as_the_decoder_would() -> None:
    gif = bytearray(images.encoded(Image.new("P", (64, 64)), "GIF"))
    at = gif.index(b",\x00\x00\x00\x00") + 1
    gif[at : at + 4] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(ItemError) as caught:
        headers(bytes(gif))
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_small_canvas_hides_no_large_picture_in_a_webp() -> None:
    large = images.encoded(Image.new("RGB", (9000, 9000)), "WEBP", lossless=True)
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + bytes(3) + bytes(3)
    file = large[:12] + canvas + large[12:]
    with pytest.raises(ItemError) as caught:
        headers(file[:4] + struct.pack("<I", len(file) - 8) + file[8:])
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("size", [(640, 400), (3000, 1000)])
@pytest.mark.parametrize("frames", [1, 3])
def test_an_avif_is_as_large_as_its_streams_whatever_its_boxes_say(size: tuple[int, int], frames: int) -> None:
    pictures = [images.flat((index * 9, 20, 90), size) for index in range(frames)]
    file = images.animated(pictures, "AVIF", speed=10)
    at = -1
    while (at := file.find(b"ispe", at + 1)) >= 0:
        file = file[: at + 8] + struct.pack(">II", 10, 10) + file[at + 16 :]
    at = file.find(b"tkhd")
    if at >= 0:
        length = int.from_bytes(file[at - 4 : at], "big")
        end = at - 4 + length
        file = file[: end - 8] + struct.pack(">II", 10 << 16, 10 << 16) + file[end:]
    assert headers(file).size == size


def test_what_is_over_a_limit_is_said_in_numbers() -> None:
    with pytest.raises(ItemError, match=r"12 frames: about 7\.0 s of decoding, limit 2\.5"):
        Work(7, 0, "12 frames").check()
    with pytest.raises(ItemError, match="a picture: about 900 MB of memory, limit 520"):
        Work(0, 900e6, "a picture").check()
    Work(MAX_SECONDS, MAX_BYTES, "").check()


@given(st.integers(1, 70_000), st.integers(1, 70_000))
def test_halving_leaves_what_tiles_need(width: int, height: int) -> None:
    factor = halvings((width, height))
    assert factor == 1 or min(width, height) >= factor * LEAST_SIDE
    assert factor == 1 or width * height > SMALL_ENOUGH * (factor // 2) ** 2


@given(st.integers(1, 64), st.integers(4, 64), st.integers(1, 40))
def test_frames_times_views_stay_within_the_bound(max_frames: int, max_views: int, views: int) -> None:
    frames = frames_for(max_frames, max_views, views)
    assert min(max_frames, LEAST_FRAMES) <= frames <= max_frames
    assert frames * min(views, max_views // frames) <= max_views


@given(st.integers(1, 40), st.integers(1, 40))
def test_views_that_are_left_out_have_their_turn_in_other_frames(count: int, most: int) -> None:
    rows = np.arange(count, dtype=np.uint8)
    seen = set()
    for turn in range(count):
        kept = some(rows, most, turn)
        assert len(kept) == min(count, most)
        seen |= set(kept.tolist())
    assert seen == set(range(count))


def test_nothing_is_warned_of() -> None:
    """A warning would be a line in a worker's log for every such file."""
    with warnings.catch_warnings(action="error"):
        for file in FILES.values():
            headers(file)
