"""What is border is found, what is shown is never taken for it, and pictures in a picture are told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.rules.images.borders import FLAT, MOST_PANELS, Cut, Sketch, content, edged, panels
from pipeline.rules.images.layout import layout
from pipeline.rules.images.views import Box, Size

SIDE = 72


def plain(*colour: int) -> Sketch:
    return np.tile(np.array(colour, np.uint8)[:, None, None], (1, SIDE, SIDE))


def scene(seed: int, height: int = SIDE, width: int = SIDE) -> Sketch:
    """A ground of some colour that is nowhere quite the same, with blots on it, and no line in it."""
    draw = np.random.default_rng(seed)
    down, across = np.ogrid[:height, :width]
    waves = [20 * np.sin(down / draw.uniform(5, 9) + across / draw.uniform(4, 7) + phase) for phase in (0, 2, 4)]
    still = draw.integers(40, 216, (3, 1, 1)) + np.stack(waves) + draw.normal(0, 2, (3, height, width))
    for _ in range(height * width // 120):
        y, x = draw.integers(0, height), draw.integers(0, width)
        still[:, (down - y) ** 2 + (across - x) ** 2 < 5] = draw.integers(0, 256, (3, 1))
    return still.clip(0, 255).astype(np.uint8)


def paste(on: Sketch, picture: Sketch, left: int, top: int) -> Sketch:
    on = on.copy()
    on[:, top : top + picture.shape[1], left : left + picture.shape[2]] = picture
    return on


def noise(sketch: Sketch, levels: int, seed: int = 5) -> Sketch:
    grain = np.random.default_rng(seed).integers(-levels, levels + 1, sketch.shape)
    return (sketch.astype(int) + grain).clip(0, 255).astype(np.uint8)


def holds(outer: Cut, inner: Cut) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90)])
@pytest.mark.parametrize(
    "place", [(0, 20, 72, 52), (18, 0, 54, 72), (10, 14, 60, 66), (0, 0, 72, 40), (40, 40, 72, 72)]
)
def test_bars_and_frames_are_cut_off(colour: tuple[int, int, int], place: Cut) -> None:
    left, top, right, bottom = place
    still = noise(paste(plain(*colour), scene(1, bottom - top, right - left), left, top), 3)
    assert content(still) == place


def test_bars_that_run_from_one_colour_to_another_are_cut_off() -> None:
    ramp = np.linspace(20, 220, SIDE).astype(np.uint8)
    still = paste(np.broadcast_to(ramp[:, None], (3, SIDE, SIDE)).copy(), scene(1, 30, SIDE), 0, 20)
    assert content(still) == (0, 20, 72, 50)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(0, 60), st.integers(0, 60)),
    st.integers(1, 12),
    st.integers(FLAT + 1, 200),
)
def test_nothing_that_can_be_told_from_the_margin_is_cut_off(
    seed: int, at: tuple[int, int], size: int, contrast: int
) -> None:
    """A thing of any size, colour and place on plain ground stays whole, however faint."""
    draw = np.random.default_rng(seed)
    ground = draw.integers(0, 256, 3)
    colour = np.where(ground < 128, ground + contrast, ground - contrast).clip(0, 255)
    still = plain(*ground.tolist())
    left, top = at
    right, bottom = min(left + size, SIDE), min(top + size, SIDE)
    still[:, top:bottom, left:right] = colour[:, None, None].astype(np.uint8)
    if np.abs(colour - ground).max() > FLAT:
        cut = content(still)
        assert cut is None or holds(cut, (left, top, right, bottom))


@pytest.mark.parametrize("seed", range(12))
def test_most_pictures_have_neither_borders_nor_panels(seed: int) -> None:
    still = scene(seed)
    assert content(still) is None
    assert panels(still) == []


def test_what_is_all_one_colour_is_left_as_it_is() -> None:
    for still in (plain(9, 9, 9), noise(plain(200, 10, 10), 4), plain(255)):
        assert content(still) is None
        assert panels(still) == []


def test_a_picture_in_a_frame_is_told_from_a_thing_on_plain_ground() -> None:
    framed = paste(plain(0, 0, 0), scene(1, 40, 40), 10, 12)
    assert edged(framed, (10, 12, 50, 52)) == (True, True, True, True)
    disc = plain(255, 255, 255)
    down, across = np.ogrid[:SIDE, :SIDE]
    disc[:, (down - 36) ** 2 + (across - 30) ** 2 < 15**2] = 40
    cut = content(disc)
    assert cut is not None
    assert edged(disc, cut) == (False, False, False, False)


@pytest.mark.parametrize("gap", [0, 2])
def test_the_pictures_of_a_collage_are_found(gap: int) -> None:
    """Here and below, of pictures whose colours differ where they meet; those that do not are not told apart."""
    half = (SIDE - gap) // 2
    places = [(x, y) for y in (0, half + gap) for x in (0, half + gap)]
    still = plain(255, 255, 255)
    for seed, (x, y) in enumerate(places):
        still = paste(still, scene(seed * 5 + 2, half, half), x, y)
    found = panels(still)
    assert len(found) == 4
    for x, y in places:
        assert any(near(cut, (x, y, x + half, y + half), gap + 1) for cut in found), (x, y)


def near(one: Cut, other: Cut, off: int) -> bool:
    return all(abs(a - b) <= off for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("left", "top"), [(4, 4), (38, 4), (4, 38), (38, 38), (20, 0), (0, 25)])
def test_a_picture_in_a_picture_is_found(left: int, top: int) -> None:
    still = paste(scene(3), scene(50, 30, 30), left, top)
    assert any(near(cut, (left, top, left + 30, top + 30), 1) for cut in panels(still))


def test_what_is_blurred_at_both_ends_is_no_panel() -> None:
    soft = np.linspace(0, 60, SIDE)[None, None, :] + np.zeros((3, SIDE, SIDE))
    still = paste(soft.astype(np.uint8), scene(1, 32, SIDE), 0, 20)
    assert [near(cut, (0, 20, 72, 52), 1) for cut in panels(still)] == [True]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_any_sketch_has_bounded_panels_inside_it(seed: int, colours: int, across: int, down: int) -> None:
    """Blocks of chance, sketches of all shapes: nothing raises, nothing lies outside."""
    draw = np.random.default_rng(seed)
    blocks = draw.integers(0, 256, (colours, draw.integers(1, 12), draw.integers(1, 12)), np.uint8)
    still = blocks.repeat(down, axis=1).repeat(across, axis=2)[:, :90, :90]
    for cut in [*panels(still), content(still) or (0, 0, 1, 1)]:
        assert 0 <= cut[0] < cut[2] <= still.shape[2]
        assert 0 <= cut[1] < cut[3] <= still.shape[1]
    assert len(panels(still)) <= MOST_PANELS


def arranged(still: Sketch, size: Size) -> list[Box]:
    """The boxes that are looked at; a closer look sees what there is at the sketch's own scale."""

    def look_at(box: Box) -> NDArray[np.uint8]:
        across, down = SIDE / size[0], SIDE / size[1]
        left, top, right, bottom = (
            round(edge * by) for edge, by in zip(box, (across, down, across, down), strict=True)
        )
        return still[:, top : max(bottom, top + 1), left : max(right, left + 1)]

    found = layout(still, look_at, size, (64, 64), "shortest")
    return [] if found is None else [piece.box for view in found for piece in view]


def test_a_picture_between_bars_gets_the_whole_view() -> None:
    """Two views less of an upright still than if its bars counted, and the picture as large as it can be."""
    still = paste(plain(0, 0, 0), scene(1, 30, SIDE), 0, 21)
    ((left, top, right, bottom),) = arranged(still, (1000, 1800))
    assert (left, right) == (0, 1000)
    assert top <= 1800 * 21 / 72 + 1 <= 1800 * 51 / 72 - 1 <= bottom
    assert bottom - top < 800


def test_a_thing_on_plain_ground_keeps_room_around_it() -> None:
    still = plain(255, 255, 255)
    still[:, 30:40, 20:30] = np.random.default_rng(1).integers(0, 200, (3, 10, 10))
    down, across = np.ogrid[:SIDE, :SIDE]
    still[:, (down - 34.5) ** 2 + (across - 24.5) ** 2 > 4.6**2] = 255
    ((left, top, right, bottom),) = arranged(still, (720, 720))
    assert left < 205 - 10
    assert top < 305 - 10
    assert right > 295 + 10
    assert bottom > 395 + 10
    assert right - left < 200


def test_panels_are_looked_at_besides_the_whole() -> None:
    """Whatever is taken for a panel, all of the still stays in view."""
    still = paste(scene(3), scene(50, 30, 30), 38, 38)
    whole, panel = arranged(still, (900, 900))
    assert whole == (0, 0, 900, 900)
    assert panel[0] > 400
    assert panel[1] > 400


@pytest.mark.parametrize(("margin", "cut"), [(1, False), (6, True)], ids=["a sliver", "a frame"])
def test_a_frame_that_is_too_thin_to_matter_stays(margin: int, cut: bool) -> None:
    still = paste(plain(0, 0, 0), scene(1, SIDE - 2 * margin, SIDE - 2 * margin), margin, margin)
    found = arranged(still, (720, 720))
    assert (found not in ([], [(0, 0, 720, 720)])) is cut


@pytest.mark.parametrize(("share", "cut"), [(0.8, False), (0.3, True)], ids=["large", "small"])
def test_a_thing_that_is_large_enough_keeps_its_ground(share: float, cut: bool) -> None:
    still = plain(255, 255, 255)
    down, across = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    still[:, down**2 + across**2 < (SIDE * share / 2) ** 2] = 40
    assert (arranged(still, (720, 720)) not in ([], [(0, 0, 720, 720)])) is cut
