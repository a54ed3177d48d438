"""The decoder on bytes that mean it harm: each gets a typed reason, within bounds, and nothing else comes out."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.ports import Decoded
from tests import hostile_images as hostile
from tests import images
from tests.adapters.damage import damaged
from tests.adapters.pillow.test_decoder import spec

DECODER = PillowDecoder(spec())
PHOTOGRAPH = images.photograph(160, 120)
VALID = {
    "jpeg": images.encoded(PHOTOGRAPH, "JPEG"),
    "progressive": images.encoded(PHOTOGRAPH, "JPEG", progressive=True),
    "cmyk": images.encoded(PHOTOGRAPH.convert("CMYK"), "JPEG"),
    "turned": images.turned(PHOTOGRAPH, 6),
    "png": images.encoded(PHOTOGRAPH),
    "palette": images.encoded(PHOTOGRAPH.quantize(16)),
    "apng": images.animated([images.flat(images.RED), images.flat(images.BLUE)], "PNG"),
    "webp": images.encoded(PHOTOGRAPH, "WEBP"),
    "animated webp": images.animated([images.flat(images.RED), images.flat(images.BLUE)], "WEBP"),
    "gif": images.long_gif(12),
    "bmp": images.encoded(PHOTOGRAPH, "BMP"),
    "avif": images.encoded(PHOTOGRAPH, "AVIF"),
    "png with colours": hostile.with_chunks(
        images.encoded(PHOTOGRAPH, icc_profile=hostile.icc(1.0)),
        (b"gAMA", b"\0\0\x10\0"),
        (b"cICP", b"\x09\x10\0\1"),
        (b"tEXt", b"a\0b"),
    ),
    "jpeg with colours": images.encoded(
        PHOTOGRAPH, "JPEG", icc_profile=hostile.icc(1.8), exif=hostile.exif((274, 3, 1, 6))
    ),
    "webp with colours": images.encoded(PHOTOGRAPH, "WEBP", icc_profile=hostile.icc(3.0)),
    "16-bit png": images.deep_grey(),
    "translucent png": images.encoded(images.on_nothing(images.RED)),
    "bmp in runs": hostile.rle_bmp((40, 30), b"\x14\x01\x00\x00" * 30 + b"\x00\x01"),
    "many scans": hostile.many_scans(48, 30, "RGB"),
    "animated avif": images.animated([images.flat(images.RED), images.flat(images.BLUE)], "AVIF"),
}


def refusal(image: bytes, decoder: PillowDecoder = DECODER) -> ItemError:
    with pytest.raises(ItemError) as caught:
        decoder.decode(image)
    return caught.value


def test_no_bytes_are_no_image() -> None:
    assert refusal(b"").reason is Reason.EMPTY


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (images.HTML, "starts like HTML"),
        (b"\xef\xbb\xbf  <svg xmlns='http://www.w3.org/2000/svg'/>", "starts like SVG"),
        (b"%PDF-1.7\n", "starts like PDF"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(12), "MP4"),
        (b"II*\x00" + bytes(20), "TIFF"),
        (b'{"error": "no such image"}', "text"),
        (bytes(1000), "1,000 zero bytes"),
        (b"\x01\x02\x03\xff", "01 02 03 ff"),
    ],
)
def test_what_is_no_image_is_described(image: bytes, words: str) -> None:
    error = refusal(image)
    assert error.reason is Reason.NOT_AN_IMAGE
    assert words in str(error)
    assert "accepted are JPEG" in str(error)


@pytest.mark.parametrize("name", ["jpeg", "progressive", "png", "webp", "gif", "bmp", "avif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_truncated_file_is_never_half_seen(name: str, share: float) -> None:
    """What is missing could be anything, so nothing is decided on what is there."""
    whole = VALID[name]
    error = refusal(whole[: max(14, int(len(whole) * share))])
    expected = {Reason.TRUNCATED, Reason.DECODE_FAILED} if name == "avif" else {Reason.TRUNCATED}
    assert error.reason in expected


@pytest.mark.parametrize(
    "bomb",
    [images.bomb_png(), images.bomb_png(20_000, 8_000), images.bomb_png(9_000, 9_000, 9_000), images.bomb_webp()],
    ids=["48000x48000", "20000x8000", "9000x9000, all there", "webp"],
)
def test_a_bomb_is_refused_before_it_costs_memory(bomb: bytes) -> None:
    started = time.process_time()
    error = refusal(bomb)
    assert error.reason is Reason.TOO_LARGE
    assert "limit 64,000,000" in str(error)
    assert time.process_time() - started < 0.5


def test_the_message_of_a_bomb_says_its_size() -> None:
    assert "48,000 x 48,000 pixels, limit 64,000,000" in str(refusal(images.bomb_png()))


@pytest.mark.parametrize(
    "kind", [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF], ids=lambda kind: f"frame {kind:#x}"
)
def test_a_jpeg_of_a_rare_kind_is_an_image_or_an_item_error(kind: int) -> None:
    """Lossless, hierarchical, arithmetic: what the marker says is not what the scan holds."""
    at = VALID["jpeg"].index(b"\xff\xc0")
    _decode_or_refuse(VALID["jpeg"][: at + 1] + bytes([kind]) + VALID["jpeg"][at + 2 :])


def test_a_jpeg_of_twelve_bits_or_without_lines_is_refused() -> None:
    at = VALID["jpeg"].index(b"\xff\xc0")
    twelve = VALID["jpeg"][: at + 4] + b"\x0c" + VALID["jpeg"][at + 5 :]
    none = VALID["jpeg"][: at + 5] + b"\x00\x00" + VALID["jpeg"][at + 7 :]
    assert {refusal(twelve).reason, refusal(none).reason} == {Reason.DECODE_FAILED}


def test_an_animation_of_endless_work_is_refused() -> None:
    """Twenty bytes a frame, a canvas of four million pixels each: a megabyte would draw for an hour."""
    started = time.process_time()
    error = refusal(images.hand_made_gif(20_000, (2000, 2000)))
    assert error.reason is Reason.TOO_MUCH_WORK
    assert "2,000 x 2,000 pixels in 20,000 frames" in str(error)
    assert time.process_time() - started < 5


def test_a_long_gif_is_sampled_within_bounds() -> None:
    started = time.process_time()
    decoded = DECODER.decode(images.long_gif(3000, bad_at=2950))
    assert decoded.frames <= 8
    assert any(abs(int(view[32, 32, 0]) - images.RED[0]) < 40 for view in decoded.pixels)
    assert time.process_time() - started < 10


def test_the_limit_of_pixels_can_be_set() -> None:
    tight = PillowDecoder(spec(), max_pixels=100 * 100)
    assert refusal(VALID["jpeg"], tight).reason is Reason.TOO_LARGE
    assert tight.decode(images.encoded(images.flat(images.RED, (100, 100)))).frames == 1


@settings(max_examples=300)
@given(st.binary(max_size=2000))
def test_any_bytes_are_an_image_or_an_item_error(image: bytes) -> None:
    _decode_or_refuse(image)


STARTS = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8X", b"GIF89a", b"BM", b"\0\0\0\x1cftypavif"]


@settings(max_examples=300)
@given(st.sampled_from(STARTS), st.binary(max_size=500))
def test_anything_behind_a_known_start_is_an_image_or_an_item_error(start: bytes, rest: bytes) -> None:
    _decode_or_refuse(start + rest)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(VALID)), st.data())
def test_a_damaged_file_is_an_image_or_an_item_error(name: str, data: st.DataObject) -> None:
    """Bytes overwritten, cut out and doubled in valid files of every kind."""
    _decode_or_refuse(data.draw(damaged(VALID[name])))


def _decode_or_refuse(image: bytes) -> None:
    """Pass if the bytes are decoded or refused with a typed reason; whatever else is raised fails the test."""
    with contextlib.suppress(ItemError):
        decoded = DECODER.decode(image)
        assert isinstance(decoded, Decoded)
        assert decoded.pixels.shape[1:] == (64, 64, 3)
        assert 1 <= decoded.frames <= 8
