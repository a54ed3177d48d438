"""Thumbnails: small, upright, in the colours that a viewer shows, of the frame that was asked for."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.pillow.thumbnails import NEAR, SIDE
from pipeline.errors import ItemError, Reason
from tests import images
from tests.adapters.damage import damaged
from tests.adapters.pillow.test_as_shown import PROFILES, by_littlecms
from tests.adapters.pillow.test_decoder import spec
from tests.adapters.pillow.test_hostile import VALID

PHOTOGRAPH = images.photograph(640, 480)
COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]


def thumbnail(image: bytes, frame: int = 0) -> Image.Image:
    made = PillowDecoder(spec()).thumbnail(image, frame)
    shown = Image.open(BytesIO(made))
    assert shown.format == "WEBP"
    assert max(shown.size) <= SIDE
    shown.load()
    return shown


def off(one: Image.Image, other: Image.Image) -> float:
    """Mean difference, in levels."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one.convert("RGB")).astype(int) - np.asarray(other.convert("RGB"))).mean())


@pytest.mark.parametrize("name", sorted(VALID))
def test_of_every_format_that_is_accepted(name: str) -> None:
    assert thumbnail(VALID[name]).size


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("size", "expected"), [((640, 480), (256, 192)), ((90, 100), (90, 100)), ((2000, 3), (256, 1)), ((1, 1), (1, 1))]
)
def test_it_has_the_pictures_ratio_and_no_more_pixels(
    form: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert thumbnail(images.encoded(images.flat((9, 90, 200), size), form)).size == expected


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_it_looks_like_the_picture(form: str) -> None:
    assert off(thumbnail(images.encoded(PHOTOGRAPH, form)), PHOTOGRAPH.resize((256, 192))) < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright(orientation: int) -> None:
    corners = images.corners((512, 384))
    assert off(thumbnail(images.turned(corners, orientation)), corners.resize((256, 192))) < 4


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", PROFILES)
def test_its_colours_are_those_that_the_profile_gives(name: str, form: str) -> None:
    profile = PROFILES[name]
    expected = by_littlecms(PHOTOGRAPH, profile).resize((256, 192))
    shown = off(thumbnail(images.encoded(PHOTOGRAPH, form, icc_profile=profile, quality=95)), expected)
    assert shown < min(8, off(thumbnail(images.encoded(PHOTOGRAPH, form, quality=95)), expected))


def test_a_model_that_takes_colours_as_they_are_changes_nothing_of_it() -> None:
    image = images.encoded(PHOTOGRAPH, icc_profile=PROFILES["swapped channels"])
    assert PillowDecoder(spec(), preprocess="exact").thumbnail(image, 0) == PillowDecoder(spec()).thumbnail(image, 0)


def test_what_shows_through_still_does() -> None:
    shown = thumbnail(images.encoded(images.on_nothing((255, 255, 255))))
    assert shown.mode == "RGBA"
    assert shown.getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("frame", [0, 1, 2])
def test_it_shows_the_frame_that_was_asked_for(form: str, frame: int) -> None:
    image = images.animated([images.flat(colour) for colour in COLOURS], form, duration=100)
    assert off(thumbnail(image, frame), images.flat(COLOURS[frame])) < 12


@pytest.mark.parametrize("frame", [NEAR, NEAR + 1, 10_000])
def test_it_shows_the_first_frame_where_another_would_be_dear_or_is_not_there(frame: int) -> None:
    colours = [COLOURS[at % 2] for at in range(NEAR + 1)]
    colours[NEAR] = COLOURS[2]
    image = images.animated([images.flat(colour) for colour in colours], duration=100)
    assert off(thumbnail(image, frame), images.flat(COLOURS[0])) < 12


@given(st.sampled_from(sorted(VALID)), st.data())
def test_damaged_bytes_are_refused_by_name_and_nothing_else_is_raised(name: str, data: st.DataObject) -> None:
    with suppress(ItemError):
        assert thumbnail(data.draw(damaged(VALID[name])))


def test_a_picture_that_is_too_large_is_refused_before_it_is_drawn() -> None:
    with pytest.raises(ItemError) as caught:
        PillowDecoder(spec()).thumbnail(images.bomb_png(), 0)
    assert caught.value.reason is Reason.TOO_LARGE
