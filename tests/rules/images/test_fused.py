"""What no frame shows and the eye sees all the same is found; what the frames show themselves is left to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pipeline.items import Pixels
from pipeline.rules.images.fused import UNLIKE, Fusing

SIDE = 48


def picture(seed: int = 0) -> Pixels:
    grain = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return grain.repeat(8, axis=0).repeat(8, axis=1)


def fused(frames: list[Pixels], shown: float = 0.02) -> Pixels | None:
    fusing = Fusing()
    for frame in frames:
        fusing.add(frame, shown)
    return fusing.take()


def parts(kind: str) -> NDArray[np.int_]:
    """For each pixel the number of the frame that shows it."""
    down, across = np.mgrid[:SIDE, :SIDE]
    turns = {"slits": across * 8 // SIDE, "bands": down // 2 % 4, "chessboard": (across // 8 + down // 8) % 2}
    return np.asarray(turns[kind])


@pytest.mark.parametrize("kind", ["slits", "bands", "chessboard"])
@pytest.mark.parametrize("ground", [0, 255, 90])
def test_a_picture_of_which_each_frame_shows_a_part_is_found_whole(kind: str, ground: int) -> None:
    whole, turn = picture(), parts(kind)
    frames = [np.where((turn == at)[..., None], whole, ground).astype(np.uint8) for at in range(turn.max() + 1)]
    found = fused(frames)
    assert found is not None
    likeness = np.corrcoef(found.ravel(), whole.ravel())[0, 1]
    assert likeness > 0.98


def test_a_picture_under_noise_that_cancels_out_is_found() -> None:
    whole = picture() // 2 + 64
    noise = np.random.default_rng(1).integers(-60, 61, whole.shape)
    found = fused([(whole + noise).astype(np.uint8), (whole - noise).astype(np.uint8)])
    assert found is not None
    assert np.corrcoef(found.ravel(), whole.ravel())[0, 1] > 0.98


def test_frames_that_are_alike_show_it_themselves() -> None:
    still = picture()
    assert fused([still, still, still]) is None
    assert fused([still // 2 + 50, still // 2 + 54]) is None


def test_longer_frames_count_for_more() -> None:
    fusing = Fusing()
    fusing.add(np.zeros((4, 4, 3), np.uint8), 0.02)
    fusing.add(picture()[:4, :4], 0.03)
    assert fusing.seconds == pytest.approx(0.05)


def test_each_moment_begins_anew() -> None:
    fusing = Fusing()
    assert fusing.take() is None
    black_and_white = [np.full((4, 4, 3), level, np.uint8) for level in (0, 255)]
    for frame in black_and_white:
        fusing.add(frame, 0.02)
    assert fusing.take() is not None
    assert fusing.seconds == 0
    assert fusing.take() is None


@given(st.lists(st.tuples(arrays(np.uint8, (3, 5, 3)), st.floats(1e-4, 0.04)), max_size=6))
def test_whatever_is_added_gives_a_view_or_none(frames: list[tuple[Pixels, float]]) -> None:
    fusing = Fusing()
    for frame, shown in frames:
        fusing.add(frame, shown)
    found = fusing.take()
    assert found is None or (found.shape == (3, 5, 3) and found.dtype == np.uint8)
    apart = [float(np.abs(one.astype(int) - other).mean()) for one, _ in frames for other, _ in frames]
    if max(apart, default=0) <= UNLIKE:
        assert found is None
