"""A knife that only a viewer shows is blocked by the shipped policies, whatever its file carries beside it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryTextCache
from pipeline.adapters.open_clip import load_encoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks
from tests import hostile_images as hostile
from tests import images

POLICIES = Path(__file__).parents[2] / "policies"
KNIFE = Image.open(POLICIES / "samples" / "kitchen-knife-01.jpg").convert("RGB")
PNG, JPEG = images.encoded(KNIFE), images.encoded(KNIFE, "JPEG", quality=90)


@pytest.fixture(scope="module")
def blocked() -> Callable[[bytes], bool]:
    """Whether the shipped policy on weapons blocks an image, with the bundled model."""
    encoder = load_encoder("bundled", device="cpu", threads=1)
    decoder = PillowDecoder(encoder.spec)
    live = LivePolicies(encoder, MemoryTextCache(), Hooks())
    live.offer(read_policy_folder(POLICIES).files)
    compiled = live()
    column = [policy.id for policy in compiled.policies].index("weapons")
    least = compiled.policies[column].actions["block"]

    def blocks(image: bytes) -> bool:
        features = encoder.encode_images(decoder.decode(image).pixels)
        return float(compiled.prompts.score(features).scores[:, column].max()) >= least

    return blocks


def stored_for(gamma: float) -> Image.Image:
    """The knife as it must be stored for a viewer that honours gAMA to show it."""
    levels = np.asarray(KNIFE) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return Image.fromarray((linear**gamma * 255).round().astype(np.uint8))


def with_swapped_channels() -> bytes:
    """Red stored as blue and so on, and a profile that says so."""
    red, green, blue = KNIFE.split()
    corners = [hostile.SRGB_CORNERS[n] for n in (1, 2, 0)]
    return images.encoded(Image.merge("RGB", (green, blue, red)), icc_profile=hostile.icc(2.2, corners))


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
FILES = {
    "as it is": PNG,
    "a text of 2 MiB": hostile.with_chunks(PNG, (b"zTXt", b"x\x00\x00" + zlib.compress(bytes(2 << 20)))),
    "a strange gamma": hostile.with_chunks(images.encoded(stored_for(0.02)), (b"gAMA", struct.pack(">I", 2000))),
    "swapped channels": with_swapped_channels(),
    "no end mark": JPEG[:-2],
    "turned by XMP": hostile.with_segments(JPEG, hostile.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + XMP)),
    "XMP that is no text": hostile.with_segments(
        JPEG, hostile.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00\xff\xfe\x80")
    ),
    "upside down, and EXIF that says so": images.turned(KNIFE, 3, quality=90),
}


@pytest.mark.parametrize("name", FILES)
def test_a_knife_is_blocked_as_a_viewer_shows_it(name: str, blocked: Callable[[bytes], bool]) -> None:
    assert blocked(FILES[name])


def test_what_is_stored_is_not_what_is_shown(blocked: Callable[[bytes], bool]) -> None:
    """Or the tests above could not fail."""
    assert not blocked(images.encoded(stored_for(0.02)))
    assert not blocked(images.encoded(Image.open(BytesIO(PNG)).transpose(Image.Transpose.ROTATE_180)))
