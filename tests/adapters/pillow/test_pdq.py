"""PDQ hashes of pictures: what small changes leave of them, and that they are of what a viewer shows."""

from __future__ import annotations

import os
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.decode_processes.line import NonsenseError
from pipeline.adapters.decode_processes.messages import MOST_HASHES, encode, outcome, told
from pipeline.adapters.pillow.decoder import PillowDecoder
from pipeline.adapters.pillow.pdq import INSTALL, pdq_installed
from pipeline.errors import ItemError
from pipeline.ports import EncoderSpec
from pipeline.rules.known.near import RADIUS
from pipeline.signals import Pdqs
from tests.known_made import hashed

if not pdq_installed() and os.environ.get("CI") != "true":
    pytest.skip(f"PDQ hashes need a library that pip compiles: {INSTALL}", allow_module_level=True)

SPEC = EncoderSpec("none", "", "", (64, 64), (0.5,) * 3, (0.5,) * 3, "bicubic", "shortest", 0, 0, 1.0, None)
DECODER = PillowDecoder(SPEC)
ORIENTATION = 0x0112


def still(seed: int = 0, size: tuple[int, int] = (640, 480)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str = "JPEG", **how: object) -> bytes:
    out = BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def differ(one: Pdqs, other: Pdqs) -> int:
    return int(np.bitwise_count(one["hash"][0] ^ other["hash"][0]).sum())


def test_a_copy_that_was_saved_small_is_near_and_another_picture_is_not() -> None:
    first = DECODER.pdq(saved(still(), "PNG"))
    assert first["quality"].tolist() == [100]
    assert differ(first, DECODER.pdq(saved(still().resize((320, 240)), quality=40))) <= RADIUS
    assert differ(first, DECODER.pdq(saved(still(1), "PNG"))) > RADIUS


def test_a_picture_is_hashed_as_it_is_turned_for_a_viewer() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = saved(still().transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95)
    assert differ(DECODER.pdq(saved(still(), quality=95)), DECODER.pdq(turned)) <= RADIUS


def test_what_shows_through_is_hashed_on_black_and_on_white() -> None:
    pixels = np.dstack([np.asarray(still()), np.random.default_rng(2).integers(0, 256, (480, 640), np.uint8)])
    assert len(DECODER.pdq(saved(Image.fromarray(pixels), "PNG"))) == MOST_HASHES


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ItemError):
        DECODER.pdq(b"GIF89a")


def test_hashes_come_out_of_a_process_as_they_went_in_and_others_are_nonsense() -> None:
    made = hashed(bytes(range(32)), bytes(32))
    head, body = told(made)
    found, leaves = outcome(memoryview(encode(head)), memoryview(body))
    assert isinstance(found, np.ndarray)
    assert found.tobytes() == made.tobytes()
    assert not leaves
    with pytest.raises(NonsenseError):
        outcome(memoryview(encode(head)), memoryview(bytes(made.tobytes() * 9)))
