"""The strict reader of JPEG markers: plain files are plain, and whatever is out of place is left to others."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.images.jpeg import plain_jpeg
from tests import images

STILL = images.photograph(90, 70)
PLAIN = images.encoded(STILL, "JPEG")
FRAME, SCAN = PLAIN.index(b"\xff\xc0"), PLAIN.index(b"\xff\xda")
END = b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def with_frame(**changes: int) -> bytes:
    """The plain file with bytes of its frame header changed: precision, height, width, luma, chroma."""
    data = bytearray(PLAIN)
    places = {"marker": 1, "precision": 4, "height": 5, "width": 7, "count": 9, "luma": 11, "chroma": 14}
    places |= {"first": 10, "second": 13, "third": 16}
    for name, value in changes.items():
        at, wide = FRAME + places[name], name in {"height", "width"}
        data[at : at + 1 + wide] = value.to_bytes(1 + wide, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        *[(mode, {}) for mode in ("RGB", "L")],
        *[(mode, {"progressive": True}) for mode in ("RGB", "L")],
        *[("RGB", {"subsampling": each}) for each in (0, 1, 2)],
        *[("RGB", {"quality": 5}), ("L", {"restart_marker_rows": 1})],
    ],
)
def test_what_encoders_write_is_plain(mode: str, options: dict[str, Any]) -> None:
    data = images.encoded(STILL.convert(mode), "JPEG", **options)
    found = plain_jpeg(data + b"what follows the end mark")
    assert found is not None
    assert (found.size, found.components, found.end) == ((90, 70), len(mode), len(data))


def test_only_application_data_can_turn_a_jpeg() -> None:
    turned = plain_jpeg(images.turned(STILL, 6))
    upright = plain_jpeg(PLAIN)
    assert turned is not None
    assert upright is not None
    assert (turned.is_tagged, upright.is_tagged) == (True, False)


def test_segments_that_say_nothing_of_the_image_are_passed() -> None:
    noise = segment(0xFE, b"a comment with an end mark \xff\xd9 and a scan \xff\xda") + segment(0xE2, bytes(60_000))
    assert plain_jpeg(PLAIN[:2] + noise + PLAIN[2:]) is not None


def test_sampling_of_a_lone_component_means_nothing_and_is_left_to_who_knows_that() -> None:
    assert plain_jpeg(images.encoded(STILL.convert("L"), "JPEG", subsampling=1)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        images.HTML,
        images.encoded(STILL),
        images.encoded(STILL.convert("CMYK"), "JPEG"),
        images.encoded(STILL, "JPEG", keep_rgb=True),
        PLAIN[:-2],
        PLAIN[: len(PLAIN) // 2],
        PLAIN[:SCAN] + END,
        PLAIN[: SCAN + 14] + END,
        PLAIN[:2] + b"junk" + PLAIN[2:],
        PLAIN[:FRAME] + PLAIN[SCAN:],
        PLAIN[:SCAN] + PLAIN[FRAME:],
        PLAIN[:-2] + segment(0xDC, b"\x00\x46") + END,
        PLAIN[:2] + segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x00") + PLAIN[2:],
        PLAIN[:2] + segment(0xFE, b"") * 2000 + PLAIN[2:],
        PLAIN[:-2] + PLAIN[SCAN:-2] * 80 + END,
        with_frame(marker=0xC1),
        with_frame(marker=0xC9),
        with_frame(precision=12),
        with_frame(height=0),
        with_frame(width=0),
        with_frame(width=65_500, height=65_500),
        with_frame(count=2),
        with_frame(count=255),
        with_frame(luma=0x44),
        with_frame(luma=0x33),
        with_frame(chroma=0x22),
        with_frame(first=ord("R"), second=ord("G"), third=ord("B")),
    ],
)
def test_what_is_out_of_place_is_not_plain(data: bytes) -> None:
    """Cut short, patched, of a rare kind, or of more pixels than its bytes can hold."""
    assert plain_jpeg(data) is None


@pytest.mark.parametrize(
    "junk", [b"\xff", b"\xff\xfe\x00\x02", b"\xff\xda\x00\x02", b"\xff\x00", b"\xff\xd0", b"\x00"]
)
def test_a_large_file_of_nothing_is_judged_at_once(junk: bytes) -> None:
    data = PLAIN[:SCAN] + junk * (20_000_000 // len(junk))
    started = time.process_time()
    assert plain_jpeg(data) is None
    assert time.process_time() - started < 1


@settings(max_examples=300)
@given(st.data())
def test_any_damage_leaves_a_file_plain_within_its_own_bytes_or_not_plain(data: st.DataObject) -> None:
    damaged = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    found = plain_jpeg(bytes(damaged))
    if found is not None:
        assert found.components in {1, 3}
        assert min(found.size) > 0
        assert damaged[found.end - 2 : found.end] == END
