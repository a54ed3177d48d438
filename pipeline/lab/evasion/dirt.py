"""Grain, blur and other dirt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipeline.lab.evasion.saved import jpeg, png
from pipeline.lab.evasion.trick import Aside


def grain(picture: Image.Image, aside: Aside, deviation: float) -> bytes:
    """Noise of that standard deviation, of 255, on every channel."""
    noise = _chance(aside).normal(0, deviation, (picture.height, picture.width, 3))
    return png(_clipped(np.asarray(picture) + noise))


def salt(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """That share of the pixels is black or white."""
    pixels = np.array(picture)
    drawn = _chance(aside).random((picture.height, picture.width))
    pixels[drawn < share / 2] = 0
    pixels[drawn > 1 - share / 2] = 255
    return png(Image.fromarray(pixels))


def blurred(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """A Gaussian blur with a radius of that share of the side."""
    return jpeg(picture.filter(ImageFilter.GaussianBlur(min(picture.size) * share)))


def shaken(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """Smeared sideways over that share of the width, as by a hand that shakes."""
    steps = np.linspace(0, picture.width * share, 9).round().astype(int)
    pixels = np.asarray(picture).astype(np.float32)
    return jpeg(_clipped(np.mean([np.roll(pixels, step, axis=1) for step in steps], axis=0)))


def waved(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """Each row pushed to the side by a wave of that share of the width, as in a swirl filter."""
    rows = np.arange(picture.height)
    pushed = (np.sin(rows * 2 * np.pi * 3 / picture.height) * picture.width * share).round().astype(int)
    across = (np.arange(picture.width)[np.newaxis] + pushed[:, np.newaxis]) % picture.width
    return jpeg(Image.fromarray(np.asarray(picture)[rows[:, np.newaxis], across]))


def scan_lines(picture: Image.Image, _aside: Aside, dark: float) -> bytes:
    """Every other pair of rows darker by that share, as photographed off a screen."""
    pixels = np.asarray(picture).astype(np.float32)
    pixels[np.arange(picture.height) // 2 % 2 == 0] *= 1 - dark
    return jpeg(_clipped(pixels))


def _chance(aside: Aside) -> np.random.Generator:
    return np.random.default_rng(aside.draw.getrandbits(64))


def _clipped(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))
