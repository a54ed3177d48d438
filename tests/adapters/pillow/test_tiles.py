"""Tiles for a second look: parts of a still as a viewer shows it, made in a process like all that is decoded."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.decode_processes import DecodeProcesses, Limits, ProcessDecoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError
from pipeline.ports import Hooks
from tests import images
from tests.adapters.pillow.test_decoder import spec


def corners(mode: str = "RGB") -> Image.Image:
    """A black still whose lower right quarter is white."""
    still = Image.new(mode, (400, 300))
    still.paste((255,) * len(mode), (250, 150, 400, 300))
    return still


def test_each_tile_is_the_part_that_its_region_says() -> None:
    made = PillowDecoder(spec()).tiles(images.encoded(corners(), "PNG"))
    assert len(made.pixels) == len(made.regions) == 9
    boxes = made.regions["box"].tolist()
    assert boxes[0] == pytest.approx([0, 0, 0.375, 0.5])
    assert boxes[8] == pytest.approx([0.625, 0.5, 1, 1])
    means = made.pixels.mean(axis=(1, 2, 3))
    assert means[0] == 0
    assert means[8] > 250


def test_exif_turns_tiles_as_it_turns_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    made = PillowDecoder(spec()).tiles(images.encoded(corners(), "JPEG", exif=exif))
    means = made.pixels.mean(axis=(1, 2, 3))
    assert means[0] > 250
    assert means[8] < 5


def test_a_transparent_still_has_each_tile_over_two_backdrops() -> None:
    assert len(PillowDecoder(spec()).tiles(images.encoded(corners("RGBA"), "PNG")).pixels) == 18
    assert len(PillowDecoder(spec(), preprocess="exact").tiles(images.encoded(corners(), "PNG")).pixels) == 9


def test_a_process_makes_the_same_tiles_and_refuses_the_same() -> None:
    image, here = images.encoded(corners(), "JPEG"), PillowDecoder(spec())
    processes = DecodeProcesses(PillowDecoder, Limits(5, 30, 512 << 20), most=1, hooks=Hooks())
    try:
        there = ProcessDecoder(processes, spec())
        assert np.array_equal(there.tiles(image).pixels, here.tiles(image).pixels)
        with pytest.raises(ItemError, match="no bytes"):
            there.tiles(b"")
    finally:
        processes.close()
