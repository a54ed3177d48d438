"""Transfer curves and primaries, held against figures from their standards."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rules.images.headers.stored import SRGB, Colour
from pipeline.rules.images.transfer import Curves, curves

SRGB_WHITE = (0.3127, 0.329)
SRGB_CORNERS = (*SRGB_WHITE, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_CORNERS = (*SRGB_WHITE, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT709, BT2020, DCI, P3 = 1, 9, 11, 12
SRGB_CURVE, PQ, HLG, LINEAR, GAMMA_22, GAMMA_28 = 13, 16, 18, 8, 4, 5


def made(**colour: object) -> Curves:
    found = curves(Colour(**colour))  # type: ignore[arg-type]
    assert found is not None
    return found


def grey(found: Curves, level: int) -> int:
    (shown,) = {*found.shown(np.full((1, 1, 3), level, np.uint8)).reshape(-1).tolist()}
    return int(shown)


@pytest.mark.parametrize(
    "colour",
    [
        SRGB,
        Colour(gamma=0.45455),
        Colour(gamma=0.46, chromaticities=SRGB_CORNERS),
        Colour(chromaticities=SRGB_CORNERS),
        *(Colour(cicp=(BT709, transfer)) for transfer in (SRGB_CURVE, 1, 6, 14, 15)),
        Colour(cicp=(200, 200)),
    ],
)
def test_what_means_srgb_or_nothing_known_is_left_alone(colour: Colour) -> None:
    assert curves(colour) is None


@pytest.mark.parametrize(
    ("transfer", "level", "shown"),
    [
        (LINEAR, 128, 188),  # half of the light is level 188 in sRGB
        (LINEAR, 3, 28),
        (LINEAR, 55, 128),
        (GAMMA_28, 128, 106),
        (PQ, 130, 188),  # 102 nits, of 203 that are white
        (PQ, 148, 254),  # 203 nits: BT.2408's white
        (PQ, 200, 255),
        (PQ, 77, 66),  # 10 nits
        (HLG, 191, 255),  # 75%: BT.2408's white
        (HLG, 128, 138),
        (HLG, 64, 62),
        (HLG, 255, 255),
    ],
)
def test_a_grey_has_the_light_that_its_standard_gives_it(transfer: int, level: int, shown: int) -> None:
    found = made(cicp=(BT709, transfer))
    assert grey(found, level) == pytest.approx(shown, abs=2)
    assert (grey(found, 0), found.tones()[level]) == (0, grey(found, level))


@pytest.mark.parametrize(("gamma", "shown"), [(1.0, 188), (0.5, 137), (1 / 2.8, 106), (2.0, 219)])
def test_a_png_gamma_is_the_exponent_of_its_encoder(gamma: float, shown: int) -> None:
    assert grey(made(gamma=gamma), 128) == pytest.approx(shown, abs=1)


def test_a_gamma_just_beyond_a_twentieth_of_the_usual_one_counts() -> None:
    """White is white and black is black under each."""
    for gamma in (0.40, 0.51):
        found = made(gamma=gamma)
        assert [grey(found, level) for level in (0, 255)] == [0, 255]
        assert abs(grey(found, 128) - 128) > 3


@pytest.mark.parametrize(
    ("primaries", "matrix"),
    [
        (P3, [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]),
        (BT2020, [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
    ],
)
def test_primaries_are_brought_to_srgbs_by_the_known_matrices(primaries: int, matrix: list[list[float]]) -> None:
    found = made(cicp=(primaries, SRGB_CURVE)).matrix
    assert np.abs(found - np.array(matrix)).max() < 2e-3
    assert np.allclose(found, made(cicp=(primaries, LINEAR)).matrix)


@pytest.mark.parametrize("primaries", [5, 6, BT2020, DCI, P3])
def test_white_stays_white_whatever_the_primaries(primaries: int) -> None:
    found = made(cicp=(primaries, LINEAR))
    assert np.abs(found.matrix @ np.ones(3) - 1).max() < 1e-3
    assert found.shown(np.full((2, 5, 3), 255, np.uint8)).tolist() == np.full((2, 5, 3), 255).tolist()


def test_chromaticities_of_a_png_are_those_of_the_same_primaries_by_code() -> None:
    assert np.allclose(made(chromaticities=P3_CORNERS).matrix, made(cicp=(P3, SRGB_CURVE)).matrix)


def test_a_wide_red_is_more_than_red_and_a_plain_one_is_less_than_wide() -> None:
    """What leaves sRGB is shown at its edge; what lies inside moves outwards."""
    found = made(cicp=(P3, SRGB_CURVE))
    shown = found.shown(np.array([[[255, 0, 0], [200, 100, 100], [0, 255, 0]]], np.uint8))[0]
    assert shown[0].tolist() == [255, 0, 0]
    assert shown[1, 0] > 205
    assert shown[1, 1] < 98
    assert shown[2].tolist() == [0, 255, 0]


def test_primaries_that_make_no_sense_take_the_gamma_along_unless_one_lies_on_the_axis() -> None:
    """As Chromium does."""
    for corners in ((0.0,) * 8, (*SRGB_WHITE, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)):
        assert curves(Colour(gamma=1.0, chromaticities=corners)) is None
    on_axis = (*SRGB_WHITE, 0.64, 0.0, 0.3, 0.6, 0.15, 0.06)
    assert curves(Colour(chromaticities=on_axis)) is None
    assert grey(made(gamma=1.0, chromaticities=on_axis), 128) == 188


def test_tones_and_what_is_left_after_them_are_together_what_is_shown() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    whole = made(cicp=(P3, GAMMA_28))
    left = whole.without_tones()
    assert left is not None
    apart = left.shown(np.array(whole.tones(), np.uint8)[levels]).astype(int)
    assert np.abs(apart - whole.shown(levels)).max() <= 4
    assert made(cicp=(BT709, LINEAR)).without_tones() is None
