"""Pictures of several things, made of pictures of one each."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from pipeline.adapters.local.neutral_pictures import SHEETS, neutral_pictures
from pipeline.adapters.pillow.sheets import SIDE, sheets
from pipeline.rules.policies.assets import NEUTRAL, SEVERAL
from tests.images import encoded, flat

RED, BLUE = encoded(flat((250, 0, 0))), encoded(flat((0, 0, 250)))


def _pixels(sheet: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(sheet)))


def test_each_shows_two_to_four_of_them_small_and_apart() -> None:
    for number, sheet in enumerate(sheets([RED], 12)):
        pixels = _pixels(sheet)
        assert pixels.shape == (SIDE, SIDE, 3)
        red = (pixels == (250, 0, 0)).all(axis=2)
        quarters = [red[y : y + SIDE // 2, x : x + SIDE // 2].mean() for y in (0, SIDE // 2) for x in (0, SIDE // 2)]
        assert sum(share > 0 for share in quarters) == 2 + number % 3
        assert all(share == 0 or share > 0.5 for share in quarters)


def test_they_are_the_same_each_time_and_differ() -> None:
    assert [*sheets([RED, BLUE], 9)] == [*sheets([RED, BLUE], 9)]
    assert len({*sheets([RED, BLUE], 9)}) == 9


def test_of_no_pictures_there_are_none() -> None:
    assert [*sheets([], 3)] == []


def test_they_ship_beside_the_samples() -> None:
    kinds = [sum(path.startswith(kind) for path in neutral_pictures()) for kind in (NEUTRAL, SEVERAL)]
    assert kinds[0] > 100
    assert kinds[1] == SHEETS
