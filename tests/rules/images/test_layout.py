"""Views of stills with margins and panels: the second look, and what each panel gets."""

from __future__ import annotations

import pytest

from pipeline.rules.images.borders import Sketch
from pipeline.rules.images.layout import is_plain, layout
from pipeline.rules.images.views import Box, Size
from tests.rules.images.test_borders import SIDE, paste, plain, scene

TARGET = (64, 64)


def found(
    sketch: Sketch, size: Size, closer: Sketch | None = None, looked_at: list[Box] | None = None
) -> list[tuple[Box, Size]]:
    """Boxes and sizes of all pieces, where a second look shows `closer`."""

    def look_at(box: Box) -> Sketch:
        if looked_at is not None:
            looked_at.append(box)
        assert closer is not None
        return closer

    plan = layout(sketch, look_at, size, TARGET, "shortest")
    return [] if plan is None else [(piece.box, piece.size) for view in plan for piece in view]


def test_a_still_without_margin_or_panels_is_plain_and_gets_no_views_of_its_own() -> None:
    assert is_plain(scene(1))
    assert found(scene(1), (720, 720)) == []
    assert not is_plain(paste(plain(0, 0, 0), scene(1, 40, SIDE), 0, 20))
    assert not is_plain(paste(scene(1), scene(2, SIDE, SIDE // 2), SIDE // 2, 0))


def test_a_second_look_finds_where_the_picture_begins_more_closely() -> None:
    """The margin ends inside a cell of the first sketch, of which the second has ten."""
    first = paste(plain(0, 0, 0), scene(1, SIDE, SIDE - 6), 6, 0)
    second = paste(plain(0, 0, 0), scene(2, SIDE, SIDE - 9), 9, 0)
    looked_at: list[Box] = []
    (((left, top, right, bottom), _),) = found(first, (7200, 7200), second, looked_at)
    assert looked_at == [(600.0, 0.0, 7200.0, 7200.0)]
    assert (left, top, right, bottom) == (600 + 9 * 6600 // 72, 0, 7200, 7200)


def test_pictures_side_by_side_within_a_margin_are_looked_at_each() -> None:
    first = paste(plain(0, 0, 0), scene(1, SIDE - 20, SIDE), 0, 20)
    second = paste(scene(1), scene(2, SIDE, SIDE // 2), SIDE // 2, 0)
    boxes = found(first, (7200, 7200), second)
    assert ((0.0, 2000.0, 3600.0, 7200.0), TARGET) in boxes
    assert ((3600.0, 2000.0, 7200.0, 7200.0), TARGET) in boxes
    assert len(boxes) == 3


@pytest.mark.parametrize("size", [(720, 720), (800, 400), (400, 800)])
def test_each_of_two_panels_is_wholly_in_views_of_its_own(size: Size) -> None:
    sketch = paste(scene(1), scene(2, SIDE, SIDE // 2), SIDE // 2, 0)
    boxes = [box for box, _ in found(sketch, size)]
    width, height = size
    halves = [(0.0, 0.0, width / 2, float(height)), (width / 2, 0.0, float(width), float(height))]
    for low, _, high, _ in halves:
        own = [box for box in boxes if low <= box[0] and box[2] <= high]
        if max(width / 2, height) / min(width / 2, height) > 2.5:
            assert own == [], "it is a bar"
        else:
            assert (min(box[0] for box in own), max(box[2] for box in own)) == (low, high)
            assert (min(box[1] for box in own), max(box[3] for box in own)) == (0, height)


def test_a_thin_frame_is_left_on_and_the_panels_in_it_are_looked_at_all_the_same() -> None:
    """A still of another shape than a square is measured each way by its own side."""
    first = paste(plain(0, 0, 0), scene(1, SIDE - 2, SIDE - 2), 1, 1)
    second = paste(scene(1), scene(2, SIDE, SIDE // 2), SIDE // 2, 0)
    boxes = [box for box, _ in found(first, (1440, 720), second)]
    assert (min(box[0] for box in boxes), max(box[2] for box in boxes)) == (0.0, 1440.0)
    assert (min(box[1] for box in boxes), max(box[3] for box in boxes)) == (0.0, 720.0)
    assert (20.0, 10.0, 720.0, 710.0) in boxes
    assert (720.0, 10.0, 1420.0, 710.0) in boxes
