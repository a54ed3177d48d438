"""What one image may cost: files that would cost more are refused, and those just below the limits hold them.

No time is asserted to be short. The bounds here leave room for machines several times slower than the one whose rates
stand in `pipeline.rules`; a file that is not refused costs ten times as much as they allow.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.gif import read_gif
from pipeline.rules.images.work import MAX_BYTES, MAX_SECONDS
from tests import hostile_images as hostile
from tests import images
from tests.adapters.cost import Cost, cost
from tests.adapters.pillow.test_decoder import spec
from tests.adapters.pillow.test_hostile import VALID

SLOWER = 6
"""Times that the slowest machine of ours, under load, may need."""
HAPPENS = 1.15
"""Times its reckoned memory that a file may take: the allocator rounds up."""

JPEG = images.encoded(images.corners(), "JPEG")
PNG = images.encoded(images.corners())
BLACK_GIF = images.encoded(Image.new("P", (64, 64)), "GIF")


def _gif_of_small_blocks(blocks: int) -> bytes:
    """A comment in blocks of one byte, each of which a reader in Python takes on its own."""
    start = 13 + (3 << ((BLACK_GIF[10] & 7) + 1))
    return BLACK_GIF[:start] + b"!\xfe" + b"\x01." * blocks + b"\x00" + BLACK_GIF[start:]


REFUSED = {
    "a progressive JPEG of 400 scans": lambda: hostile.many_scans(8000, 400),
    "12,000 scans": lambda: hostile.many_scans(2000, 12_000),
    "a JPEG with a million comments": lambda: hostile.with_segments(JPEG, hostile.segment(0xFE, b"") * 1_000_000),
    "64 million pixels of BMP in runs": lambda: hostile.rle_bmp((64_000_000, 1)),
    "the same in four bits": lambda: hostile.rle_bmp((8000, 8000), kind=2),
    "a lossless WebP of 34 bytes": lambda: images.encoded(Image.new("RGB", (8000, 8000)), "WEBP", lossless=True),
    "eight whole frames of APNG": lambda: hostile.apng((8000, 8000), 8),
    "a thousand frames of a small APNG": lambda: hostile.apng((800, 800), 1000),
    "a GIF of a million blocks": lambda: _gif_of_small_blocks(1_000_000),
    "a GIF of a million empty extensions": lambda: BLACK_GIF[:13] + b"\x21\xfe\x00" * 1_000_000 + BLACK_GIF[13:],
    "a GIF of endless work": lambda: images.hand_made_gif(5000, (2000, 2000)),
    "a PNG of a million chunks": lambda: hostile.with_chunks(PNG, images.png_chunk(b"tEXt", b"a\x00") * 1_000_000),
    "an AVIF of one colour": lambda: images.encoded(Image.new("RGB", (7900, 7900)), "AVIF", speed=10),
}


_made: dict[str, bytes] = {}


def made(files: Mapping[str, Callable[[], bytes]], name: str) -> bytes:
    """One of those files; some take a second to make, so each is made once."""
    if name not in _made:
        _made[name] = files[name]()
    return _made[name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cost_too_much_is_refused_with_a_reason_of_its_own(name: str) -> None:
    with pytest.raises(ItemError) as caught:
        PillowDecoder(spec()).decode(made(REFUSED, name))
    assert caught.value.reason is Reason.TOO_MUCH_WORK


def test_what_is_refused_costs_next_to_nothing(tmp_path: Path) -> None:
    for name, paid in zip(REFUSED, cost(tmp_path, [made(REFUSED, name) for name in REFUSED]), strict=True):
        assert paid.outcome == "too_much_work", name
        assert paid.seconds < 0.3 * SLOWER, name
        assert paid.memory < 60_000_000, name


def _animated_webp() -> bytes:
    """Frames of one colour, as many as fit the limit: 1,676 bytes like these took 11.5 s."""
    frames = [Image.new("RGBA", (2000, 2000), (index, 0, 0, 100)) for index in range(13)]
    return images.animated(frames, "WEBP", lossless=True, method=0, minimize_size=False, kmin=1, kmax=1)


AT_THE_LIMIT = {
    "a camera's JPEG": lambda: images.encoded(images.photograph(900, 700).resize((9000, 7000)), "JPEG", quality=90),
    "a progressive JPEG in full colour": lambda: hostile.many_scans(8000, 10, "RGB"),
    "a progressive JPEG of many scans": lambda: hostile.many_scans(8000, 24),
    "a grey PNG of 16 bits": lambda: hostile.zeros_png((8000, 8000), 16, 0),
    "a PNG": lambda: hostile.zeros_png((8000, 8000), 8, 2),
    "a translucent PNG": lambda: hostile.zeros_png((8000, 8000), 8, 6),
    "a translucent PNG of 16 bits": lambda: hostile.zeros_png((8000, 8000), 16, 6),
    "a turned PNG": lambda: hostile.zeros_png(
        (8000, 8000), 8, 2, more=[(b"eXIf", hostile.exif((0x0112, 3, 1, 6))[6:])]
    ),
    "an APNG": lambda: hostile.apng((2400, 2400), 12),
    "a GIF": lambda: images.hand_made_gif(15, (2000, 2000)),
    "a WebP": lambda: images.encoded(Image.new("RGB", (5200, 5200)), "WEBP", lossless=True),
    "an animated WebP": _animated_webp,
    "a BMP in runs": lambda: hostile.rle_bmp((4_000_000, 1)),
    "one of a single row": lambda: hostile.rle_bmp((16_000_000, 1)),
}


@pytest.mark.parametrize("preprocess", ["fast", "exact"])
def test_the_worst_that_is_let_in_holds_the_limits(preprocess: str, tmp_path: Path) -> None:
    costs = cost(tmp_path, [made(AT_THE_LIMIT, name) for name in AT_THE_LIMIT], preprocess)
    for name, paid in zip(AT_THE_LIMIT, costs, strict=True):
        assert _is_held(paid), f"{name}: {paid}"
        if preprocess == "fast":
            assert paid.outcome == "decoded", f"{name}: {paid}"
    assert max(paid.memory for paid in costs) > MAX_BYTES / 2  # or these are not the worst


def _is_held(paid: Cost) -> bool:
    return paid.seconds < MAX_SECONDS * SLOWER and paid.memory < MAX_BYTES * HAPPENS


def _all_cuts(frames: int) -> bytes:
    """A film of narrow frames, each less like the others than those before were."""
    draw = np.random.default_rng(1)
    found = []
    for index in range(frames):
        pattern = 128 + (4 + 120 * index // frames) * draw.choice([-1, 1], size=(16, 16))
        still = Image.fromarray(pattern.astype(np.uint8))
        found.append(still.resize((20, 400), Image.Resampling.NEAREST).quantize(4))
    return images.animated(found, optimize=False, duration=60_000)


def test_frames_that_are_all_novel_are_looked_at_while_that_is_no_more_work_than_one_image_may_be() -> None:
    """How many views they have shows only on the way; 400 of them took 2.2 s, where headers said 0.1."""
    few, many = _all_cuts(8), _all_cuts(1500)
    assert PillowDecoder(spec(512)).decode(few).frames > 1
    assert read_gif(many, 64_000_000, fast=True).work.seconds < MAX_SECONDS
    with pytest.raises(ItemError, match="GIF of 20 x 400 pixels in 1,500 frames") as caught:
        PillowDecoder(spec(512)).decode(many)
    assert caught.value.reason is Reason.TOO_MUCH_WORK


def test_a_small_jpeg_may_have_many_scans() -> None:
    """What counts is what they cost."""
    assert PillowDecoder(spec()).decode(hostile.many_scans(300, 2000)).frames == 1


def test_exif_that_points_to_the_same_bytes_thousands_of_times_is_not_followed(tmp_path: Path) -> None:
    """Nor does it fill the log: Pillow warns of each entry that it cannot follow."""
    small, large = hostile.exif_bomb(4000, 12_000), hostile.exif_bomb(2000, 500_000)
    parts = [hostile.segment(0xE1, b"Exif\x00\x00" + small[at : at + 60_000]) for at in range(6, len(small), 60_000)]
    with warnings.catch_warnings(action="ignore"):  # Pillow's encoder follows it as well
        avif = images.encoded(images.corners(), "AVIF", exif=large)
    webp = images.encoded(images.corners(), "WEBP", exif=large)
    bombs = [hostile.with_segments(JPEG, *parts), avif, webp, hostile.with_chunks(PNG, (b"eXIf", large[6:]))]
    for paid in cost(tmp_path, bombs):
        assert paid.outcome == "decoded"
        assert paid.memory < 60_000_000


@pytest.mark.parametrize("ink", [(255, 255, 255, 90), (255, 255, 255, 255)])
@pytest.mark.parametrize("size", [(40, 2000), (2000, 40), (500, 400)])
def test_the_views_of_one_image_are_bounded(size: tuple[int, int], ink: tuple[int, int, int, int]) -> None:
    """A translucent strip had nine views over two backdrops in each of eight frames: 144."""
    frames = [Image.new("RGBA", size, (index * 9, 0, 0, ink[3])) for index in range(20)]
    file = images.animated(frames, "WEBP", lossless=True)
    decoded = PillowDecoder(spec(), max_views=32).decode(file)
    assert len(decoded.pixels) <= 32
    assert decoded.frames >= 3  # all of one colour each, which are little news after the first
    assert len(PillowDecoder(spec(), max_views=4).decode(file).pixels) <= 4


def test_headers_that_lie_cost_no_more(tmp_path: Path) -> None:
    """Numbers in the first bytes of valid files, where sizes and counts stand, replaced by large ones."""
    draw = random.Random(7)
    files = []
    for name in sorted(VALID):
        for _ in range(12):
            file = bytearray(VALID[name])
            length = draw.choice([2, 3, 4])
            at = draw.randrange(4, min(len(file) - length, 200))
            file[at : at + length] = draw.randrange(1000, 12_000).to_bytes(length, draw.choice(["big", "little"]))
            files.append(bytes(file))
    for file, paid in zip(files, cost(tmp_path, files), strict=True):
        assert _is_held(paid), f"{file[:200].hex()}: {paid}"
