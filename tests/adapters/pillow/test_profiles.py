"""A colour profile counts just where Chromium takes it, and says there what Chromium reads of it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.pillow.colour import to_srgb
from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.stored import MAX_PROFILE, Colour
from pipeline.rules.images.profiles import read_profile
from tests import hostile_images as hostile
from tests import images
from tests.adapters.pillow.test_as_shown import off, seen
from tests.adapters.pillow.test_decoder import spec

PICTURE = images.photograph(64, 64)
PLAIN = seen(images.encoded(PICTURE))
DARK = hostile.icc(6.0)
COLUMNS = [
    (name + b"XYZ", hostile.xyz(corner))
    for name, corner in zip((b"r", b"g", b"b"), hostile.SRGB_CORNERS, strict=True)
]
RAMP = bytes(range(256))


def curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def ramp(*levels: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(f">I{len(levels)}H", len(levels), *levels)


def parametric(kind: int, *numbers: float) -> bytes:
    return (
        b"para" + bytes(4) + struct.pack(f">HH{len(numbers)}i", kind, 0, *(round(each * 65536) for each in numbers))
    )


def tones(one: bytes) -> list[tuple[bytes, bytes]]:
    return [*COLUMNS, *((name + b"TRC", one) for name in (b"r", b"g", b"b"))]


def table(lightness: int, matrix: int = 65536, inputs: int = 3) -> bytes:
    """By which every colour is a grey of that lightness, of 255, in Lab."""
    head = (
        b"mft1" + bytes(4) + bytes([inputs, 3, 2, 0]) + struct.pack(">9i", matrix, 0, 0, 0, matrix, 0, 0, 0, matrix)
    )
    return head + RAMP * inputs + bytes([lightness, 128, 128]) * 2**inputs + RAMP * 3


def codes(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> tuple[bytes, bytes]:
    return b"cicp", b"cicp" + bytes(4) + bytes([primaries, transfer, matrix, full])


def shown(profile: bytes, picture: Image.Image = PICTURE) -> float:
    """How light the picture is with that profile, on average."""
    return float(seen(images.encoded(picture, icc_profile=profile)).mean())


def changed(at: int, new: bytes) -> bytes:
    return DARK[:at] + new + DARK[at + len(new) :]


@pytest.mark.parametrize(
    "profile",
    [
        changed(8, b"\x05"),
        changed(20, b"Luv "),
        changed(68, struct.pack(">3i", *(round(part * 65536) for part in (0.9505, 1.0, 1.089)))),
        changed(136, struct.pack(">I", 1_000_000)),
        changed(140, struct.pack(">I", 3)),
        hostile.profile_of(tones(b"none" + bytes(20))),
        hostile.profile_of(tones(ramp(0, 9)[:-2])),
        hostile.profile_of(tones(parametric(1, 6.0, -1.0, 0.0))),
        hostile.profile_of(tones(parametric(3, 6.0, 1.0, 0.0, -1.0, 0.0))),
        hostile.profile_of(tones(parametric(0, -2.0))),
        hostile.profile_of(tones(parametric(5, *([1.0] * 8)))),
        hostile.profile_of(tones(curve(6.0))[1:]),
        hostile.profile_of([(name, tag[:16]) for name, tag in COLUMNS] + tones(curve(6.0))[3:]),
        hostile.profile_of([*tones(curve(6.0)), (b"A2B0", b"mft2" + bytes(48))], connection=b"Lab "),
        hostile.profile_of([*tones(curve(6.0)), (b"A2B0", table(90)[:-1])], connection=b"Lab "),
        hostile.profile_of([*tones(curve(6.0)), (b"B2A0", b"mft2" + bytes(48))]),
        hostile.profile_of([*tones(curve(6.0)), (b"B2A1", b"mBA " + bytes(28))]),
        hostile.profile_of([*tones(curve(6.0)), (b"cicp", b"cicp" + bytes(6))]),
    ],
)
def test_a_profile_that_chromium_refuses_is_ignored(profile: bytes) -> None:
    assert read_profile(profile) is None
    assert np.array_equal(seen(images.encoded(PICTURE, icc_profile=profile)), PLAIN)


@pytest.mark.parametrize("kind", [b"link", b"abst", b"nmcl", b"abcd", b"scnr"])
def test_the_class_of_a_profile_is_not_looked_at(kind: bytes) -> None:
    assert shown(changed(12, kind)) == shown(DARK) < PLAIN.mean() - 25


@pytest.mark.parametrize(
    "more",
    [
        [(b"A2B2", b"none")],
        [(b"B2A2", b"none")],
        [(b"D2B0", b"mpet" + bytes(12))],
        [(b"zz%02d" % index, b"junk") for index in range(100)],
        tones(curve(1.0)),
        [codes(2, 2)],
        [codes(1, 13, matrix=1)],
        [codes(1, 13, full=0)],
    ],
    ids=["A2B2", "B2A2", "float", "many", "second", "unknown", "not RGB", "narrow"],
)
def test_tags_that_chromium_passes_over_change_nothing(more: list[tuple[bytes, bytes]]) -> None:
    assert shown(hostile.profile_of(tones(curve(6.0)) + more)) == shown(hostile.profile_of(tones(curve(6.0))))


@pytest.mark.parametrize("version", [0x02400000, 0x04400000])
def test_codes_of_light_count_before_the_curves(version: int) -> None:
    as_srgb = hostile.profile_of([*tones(curve(20.0)), codes(1, 13)], version=version)
    assert np.array_equal(seen(images.encoded(PICTURE, icc_profile=as_srgb)), PLAIN)
    linear = hostile.profile_of([*tones(curve(2.2)), codes(1, 8)], version=version)
    assert abs(shown(linear) - shown(hostile.icc(1.0))) < 3


@pytest.mark.parametrize("name", [b"A2B0", b"A2B1"])
def test_a_table_counts_before_the_curves(name: bytes) -> None:
    """The matrix in it does not: by ICC.1 it is for XYZ alone, and LittleCMS would take it."""
    for matrix in (65536, 0):
        profile = hostile.profile_of([*tones(curve(2.2)), (name, table(255, matrix))], connection=b"Lab ")
        assert seen(images.encoded(PICTURE, icc_profile=profile)).min() >= 250


def test_a_table_of_ink_may_be_for_another_intent() -> None:
    inks = PICTURE.convert("CMYK")
    profile = hostile.profile_of([(b"A2B1", table(255, inputs=4))], b"prtr", b"CMYK", b"Lab ")
    assert seen(images.encoded(inks, "JPEG", icc_profile=profile)).min() >= 250


@pytest.mark.parametrize("alpha", [255, 240])
def test_greys_with_alpha_have_a_profile_of_greys(alpha: int) -> None:
    grey = PICTURE.convert("L")
    profile = hostile.icc(6.0, space=b"GRAY")
    both = Image.merge("LA", (grey, Image.new("L", grey.size, alpha)))
    dark = seen(images.encoded(grey, icc_profile=profile))
    assert dark.mean() < seen(images.encoded(grey)).mean() - 25
    over_black = seen(images.encoded(both, icc_profile=profile))[:1]
    assert off(over_black, dark) < 6


def test_one_transparent_grey_leaves_the_profile_of_greys() -> None:
    grey = PICTURE.convert("L").point(lambda level: max(level, 9))
    profile = hostile.icc(6.0, space=b"GRAY")
    keyed = images.encoded(grey, icc_profile=profile, transparency=1)
    assert off(seen(keyed), seen(images.encoded(grey, icc_profile=profile))) < 1


@pytest.mark.parametrize(
    "profile",
    [
        hostile.profile_of([*tones(curve(2.2)), (b"A2B0", table(90))]),
        hostile.profile_of(tones(ramp(*([0] * 40_000)))),
        hostile.profile_of([(b"A2B0", table(90, inputs=4)), codes(1, 8)], b"prtr", b"CMYK", b"Lab "),
    ],
    ids=["tables to XYZ", "a curve of 40,000", "light of inks"],
)
def test_what_chromium_takes_and_we_cannot_compute_is_refused(profile: bytes) -> None:
    picture = PICTURE.convert("CMYK" if b"CMYK" in profile else "RGB")
    with pytest.raises(ItemError, match="a colour profile") as refused:
        seen(images.encoded(picture, "JPEG", icc_profile=profile))
    assert refused.value.reason == Reason.DECODE_FAILED


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_profile_above_what_is_read_is_refused_and_not_ignored(form: str) -> None:
    for length, is_read in ((MAX_PROFILE, True), (MAX_PROFILE + 1, False)):
        file = images.encoded(PICTURE, form, icc_profile=DARK + bytes(length - len(DARK)))
        if is_read:
            assert seen(file).mean() < PLAIN.mean() - 25
            continue
        with pytest.raises(ItemError, match="a colour profile of over") as refused:
            PillowDecoder(spec()).decode(file)
        assert refused.value.reason == Reason.TOO_MUCH_WORK


def elements(name: bytes, grid: bytes = b"\x02\x02\x02", cut: int = 0) -> bytes:
    """A table of curves, matrix and grid, each where its head says."""
    curves = parametric(0, 1.0) * 3
    parts = [curves, struct.pack(">12i", *([65536] * 12)), curves, curves]
    grids = grid.ljust(16, b"\x00") + b"\x01\x00\x00\x00" + bytes(24)
    at_b, at_matrix, at_m, at_a, at_grid = (32 + sum(map(len, parts[:index])) for index in range(5))
    places = struct.pack(">5I", at_b, at_matrix, at_m, at_grid, at_a)
    made = name + bytes(4) + bytes([3, 3, 0, 0]) + places + b"".join(parts) + grids
    return made[: len(made) - cut]


@pytest.mark.parametrize(("tag", "kind"), [(b"A2B0", b"mAB "), (b"B2A0", b"mBA ")])
def test_a_table_of_elements_is_taken_as_far_as_it_is_whole(tag: bytes, kind: bytes) -> None:
    def taken(made: bytes) -> bool:
        return read_profile(hostile.profile_of([*tones(curve(6.0)), (tag, made)], connection=b"Lab ")) is not None

    assert taken(elements(kind))
    assert not taken(elements(kind, cut=1))
    assert not taken(elements(kind, grid=b"\x02\x01\x02"))
    assert not taken(elements(kind, grid=b"\x02\x02\x03"))
    broken: list[Callable[[bytes], bytes]] = [
        lambda made: made[:12] + bytes(4) + made[16:],
        lambda made: made[:16] + bytes(4) + made[20:],
        lambda made: made[:28] + bytes(4) + made[32:],
        lambda made: made[:9] + b"\x05" + made[10:],
    ]
    assert not any(taken(change(elements(kind))) for change in broken)


def test_a_profile_is_computed_once_for_greys_and_once_for_colours() -> None:
    profile = hostile.icc(6.0, space=b"GRAY")
    assert to_srgb(Colour(icc=profile, grey=True), "RGB") != to_srgb(Colour(icc=profile), "RGB")
