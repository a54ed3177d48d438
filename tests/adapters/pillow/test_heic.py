"""HEIC as phones make it, through an extra that need not be there."""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.extras import install
from pipeline.items import Pixels
from pipeline.rules.images.formats import sniff
from tests import hostile_images as hostile
from tests import images
from tests.adapters.cost import cost
from tests.adapters.damage import damaged
from tests.adapters.pillow.test_decoder import spec

pillow_heif = pytest.importorskip("pillow_heif", reason=install("heif"))
as_plugin = pytest.importorskip("pillow_heif.as_plugin")


def heic(still: Image.Image, **options: object) -> bytes:
    """The bytes of a HEIC file."""
    out = BytesIO()
    pillow_heif.from_pillow(still).save(out, quality=90, **options)
    return out.getvalue()


PHOTOGRAPH = images.photograph(320, 240)
HEIC = heic(PHOTOGRAPH)


def seen(image: bytes, **options: object) -> Pixels:
    return PillowDecoder(spec(), **options).decode(image).pixels  # type: ignore[arg-type]


def off(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("options", [{}, {"tile_size": 128}], ids=["one piece", "tiles, as phones do"])
@pytest.mark.parametrize("preprocess", ["fast", "exact"])
def test_heic_is_read(preprocess: str, options: dict[str, int]) -> None:
    file = heic(PHOTOGRAPH, **options)
    assert sniff(file) == "HEIC"
    assert off(seen(file, preprocess=preprocess), seen(images.encoded(PHOTOGRAPH), preprocess=preprocess)) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_and_mirrored_by_its_own_properties(orientation: int) -> None:
    """The plugin's own way to save writes an orientation as ``irot`` and ``imir``, as phones do."""
    exif, out = Image.Exif(), BytesIO()
    exif[0x0112] = orientation
    stored = Image.open(BytesIO(images.turned(images.corners(), orientation, "PNG"))).copy()
    stored.encoderinfo = {"exif": exif.tobytes(), "quality": 90}
    as_plugin._save_heif(stored, out, "")
    assert (b"irot" in out.getvalue() or b"imir" in out.getvalue()) == (orientation != 1)
    assert off(seen(out.getvalue()), seen(images.encoded(images.corners()))) < 6


def test_its_profile_is_shown() -> None:
    profile = hostile.icc(2.2, [hostile.SRGB_CORNERS[n] for n in (1, 2, 0)])
    tagged = PHOTOGRAPH.copy()
    tagged.info["icc_profile"] = profile
    as_png = images.encoded(PHOTOGRAPH, icc_profile=profile)
    assert off(seen(heic(tagged)), seen(as_png)) < 5
    assert off(seen(heic(tagged)), seen(images.encoded(PHOTOGRAPH))) > 10


def test_what_shows_through_has_two_backdrops() -> None:
    assert len(seen(heic(images.on_nothing((255, 255, 255))))) == 2


def test_of_several_pictures_the_primary_one_is_judged() -> None:
    pictures, out = pillow_heif.from_pillow(images.flat(images.RED)), BytesIO()
    pictures.add_from_pillow(images.flat(images.BLUE))
    pictures.save(out, primary_index=1)
    assert off(seen(out.getvalue()), seen(images.encoded(images.flat(images.BLUE)))) < 6


def test_a_picture_that_its_encoder_padded_is_cropped_as_its_property_says() -> None:
    odd = images.photograph(321, 239)
    assert b"clap" in heic(odd)
    assert off(seen(heic(odd)), seen(images.encoded(odd))) < 4


def test_no_opener_is_registered_for_files_that_are_not_sniffed() -> None:
    seen(HEIC)
    assert "HEIF" not in Image.OPEN


def test_without_the_extra_the_dead_letter_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ItemError, match=r"pip install '\.\[heif\]' in a checkout") as caught:
        seen(HEIC)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_file_is_refused(share: float) -> None:
    with pytest.raises(ItemError) as caught:
        seen(HEIC[: int(len(HEIC) * share)])
    assert caught.value.reason in {Reason.TRUNCATED, Reason.DECODE_FAILED}


def test_what_it_costs_is_bounded(tmp_path: Path) -> None:
    """A file that says it is small and is not, one that says it is huge, and one whose EXIF is a bomb."""
    large = heic(images.flat(images.RED, (4000, 3000)))
    small_words, huge_words = _said_to_be(large, 100, 100), _said_to_be(large, 60_000, 60_000)
    still = images.corners()
    still.info["exif"] = hostile.exif_bomb(2000, 500_000)
    lies, bomb, exif = cost(tmp_path, [small_words, huge_words, heic(still)])
    assert lies.outcome in {"decode_failed", "decoded"}
    assert lies.memory < 200_000_000
    assert bomb.outcome == "too_large"
    assert exif.outcome == "decoded"
    assert max(bomb.memory, exif.memory) < 60_000_000


def _said_to_be(file: bytes, width: int, height: int) -> bytes:
    at = -1
    while (at := file.find(b"ispe", at + 1)) >= 0:
        file = file[: at + 8] + struct.pack(">II", width, height) + file[at + 16 :]
    return file


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_is_an_image_or_an_item_error(data: st.DataObject) -> None:
    with suppress(ItemError):
        assert seen(data.draw(damaged(HEIC))).shape[1:] == (64, 64, 3)
