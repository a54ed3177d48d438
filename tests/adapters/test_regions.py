"""Where each view was taken: cut out of the picture as shown, that part looks like the view."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.adapters.nvjpeg import NvjpegDecoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.items import Pixels
from pipeline.ports import Decoded, Decoder
from pipeline.rules.images.views import Coverage, bounds, views
from pipeline.signals import WHOLE
from tests import images
from tests.adapters.pillow.test_decoder import spec

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")

TARGET = 64


def pillow(coverage: Coverage = "whole", **options: object) -> PillowDecoder:
    return PillowDecoder(spec(TARGET), coverage=coverage, **options)  # type: ignore[arg-type]


def nvjpeg(coverage: Coverage = "whole") -> NvjpegDecoder:
    return NvjpegDecoder(spec(TARGET), pillow(coverage), device=torch.device("cpu"), coverage=coverage)


def boxes(decoded: Decoded) -> list[tuple[float, ...]]:
    assert len(decoded.regions) == len(decoded.pixels)
    return [tuple(round(float(edge), 3) for edge in box) for box in decoded.regions["box"]]


def cut(shown: Image.Image, box: np.ndarray) -> Pixels:
    """That part of a picture, as the model takes it."""
    width, height = shown.size
    left, top, right, bottom = (float(edge) for edge in box)
    part = (left * width, top * height, min(right * width, width), min(bottom * height, height))
    return np.asarray(shown.convert("RGB").resize((TARGET, TARGET), Image.Resampling.BICUBIC, part, 2.0))


def apart(shown: Image.Image, decoded: Decoded) -> float:
    """Levels, at most, between a view and what is cut out of the picture as shown where it is said to be from."""
    pairs = zip(decoded.regions["box"], decoded.pixels, strict=True)
    return max(float(np.abs(cut(shown, box).astype(int) - pixels).mean()) for box, pixels in pairs)


@pytest.mark.parametrize("coverage", ["whole", "close", "centre"])
@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1280, 720), (540, 1170), (1500, 500)])
@pytest.mark.parametrize("make", [pillow, nvjpeg])
def test_a_view_is_what_its_box_shows(make: type[Decoder], size: tuple[int, int], coverage: Coverage) -> None:
    still = images.soft(*size)
    decoded = make(coverage).decode(images.encoded(still, "JPEG", quality=95))  # type: ignore[call-arg]
    assert decoded.frames == 1
    assert apart(still, decoded) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [pillow, nvjpeg])
def test_boxes_are_of_the_picture_as_it_is_turned(make: type[Decoder], orientation: int) -> None:
    """The file holds it lying, upside down or mirrored; what counts is what a viewer shows."""
    still = images.soft(500, 1200)
    turned = images.turned(still, orientation, quality=95)
    decoded = make().decode(turned)
    assert len(decoded.pixels) > 1
    assert apart(still, decoded) < 6
    assert boxes(decoded) == boxes(make().decode(images.encoded(still, "JPEG", quality=95)))


def test_a_panorama_is_seen_from_end_to_end() -> None:
    decoded = pillow().decode(images.encoded(images.photograph(1500, 500)))
    found = boxes(decoded)
    assert (found[0][0], found[-1][2]) == (0.0, 1.0)
    assert all((top, bottom) == (0.0, 1.0) for _, top, _, bottom in found)
    assert all(left < after[0] < right for (left, _, right, _), after in pairwise(found))


def test_a_folded_strip_has_the_box_around_its_pieces() -> None:
    """Of a long strip some views are rows of it under each other: together they are one stretch."""
    found = boxes(pillow().decode(images.encoded(images.photograph(3000, 60))))
    assert len(found) == 9
    stretches = found[1:]
    assert (stretches[0][0], stretches[-1][2]) == (0.0, 1.0)
    assert all(right - left == pytest.approx(1 / 8, abs=0.002) for left, _, right, _ in stretches)


def test_what_shines_through_is_seen_on_two_backdrops_in_the_same_place() -> None:
    decoded = pillow().decode(images.encoded(images.on_nothing((255, 255, 255), (300, 100))))
    found = boxes(decoded)
    assert len(found) >= 4
    assert found[::2] == found[1::2]
    assert pillow().decode(images.encoded(images.on_nothing((0, 0, 0)))).regions["box"].tolist() == [[*WHOLE]] * 2


def test_views_of_an_animation_name_their_frames() -> None:
    stills = [images.flat((5 * n, 255 - 5 * n, 7 * n % 256), (90, 90)) for n in range(40)]
    stills[23] = images.photograph(90, 90)
    decoded = pillow(max_frames=8).decode(images.animated(stills, "PNG", duration=50))
    frames = decoded.regions["frame"].tolist()
    assert len(set(frames)) == decoded.frames == 8
    assert {0, 23, 39} <= set(frames)
    for frame, pixels in zip(frames, decoded.pixels, strict=True):
        assert np.abs(np.asarray(stills[frame].resize((TARGET, TARGET))).astype(int) - pixels).mean() < 8


def test_a_framed_picture_is_told_within_the_whole_one() -> None:
    framed = images.flat((0, 0, 0), (640, 480))
    framed.paste(images.photograph(320, 240), (160, 120))
    for make in (pillow, nvjpeg):
        decoded = make().decode(images.encoded(framed, "JPEG", quality=95))
        assert boxes(decoded)[0] == pytest.approx((0.25, 0.25, 0.75, 0.75), abs=0.02)
        assert apart(framed, decoded) < 6


def test_panels_are_told_where_they_stand() -> None:
    collage = images.flat((0, 0, 0), (640, 480))
    for number in range(4):
        collage.paste(images.photograph(320, 240, number), ((number % 2) * 320, (number // 2) * 240))
    decoded = pillow().decode(images.encoded(collage))
    assert boxes(decoded)[0] == WHOLE
    assert len(decoded.pixels) >= 4
    assert apart(collage, decoded) < 6


def test_what_is_cropped_by_the_recipe_is_told_so() -> None:
    for options in ({"coverage": "centre"}, {"preprocess": "exact"}):
        decoded = pillow(**options).decode(images.encoded(images.photograph(600, 400)))  # type: ignore[arg-type]
        assert boxes(decoded) == [(pytest.approx(1 / 6, abs=0.01), 0.0, pytest.approx(5 / 6, abs=0.01), 1.0)]


def test_a_bound_on_views_keeps_views_and_boxes_together() -> None:
    still = images.soft(2400, 1800)
    decoded = pillow("close", max_views=5).decode(images.encoded(still))
    assert len(decoded.pixels) == 5
    assert apart(still, decoded) < 6


sides = st.integers(1, 3000)
modes = st.sampled_from(["shortest", "longest", "squash"])


@given(sides, sides, st.sampled_from(["whole", "close", "centre"]), modes)
@settings(max_examples=200)
def test_every_box_is_a_part_of_the_picture(width: int, height: int, coverage: Coverage, mode: str) -> None:
    for view in views((width, height), (TARGET, TARGET), mode, coverage):
        left, top, right, bottom = (np.float32(edge) for edge in bounds(view, (width, height)))
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
