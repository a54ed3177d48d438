"""What a viewer shows is what is judged: colours by profile, turned by EXIF alone, whatever else a file carries."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.pillow.colour import AS_IT_IS, to_srgb
from pipeline.errors import ItemError, Reason
from pipeline.items import Pixels
from pipeline.rules.images.headers import Colour
from tests import hostile_images as hostile
from tests import images
from tests.adapters.damage import damaged
from tests.adapters.pillow.test_decoder import spec

PHOTOGRAPH = images.photograph(320, 240)
PNG, JPEG = images.encoded(PHOTOGRAPH), images.encoded(PHOTOGRAPH, "JPEG", quality=95)
SWAPPED = hostile.icc(2.2, [hostile.SRGB_CORNERS[n] for n in (1, 2, 0)])
"""A profile by which red is green, green is blue and blue is red."""


def seen(image: bytes, preprocess: str = "fast") -> Pixels:
    return PillowDecoder(spec(), preprocess=preprocess).decode(image).pixels  # type: ignore[arg-type]


def off(one: Pixels, other: Pixels) -> float:
    """Mean difference, in levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def by_littlecms(still: Image.Image, profile: bytes) -> Image.Image:
    """All pixels as a viewer would show them, before anything is scaled."""
    shown = ImageCms.profileToProfile(still, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert shown is not None
    return shown


PROFILES = {
    "P3": hostile.icc(2.2, hostile.P3_CORNERS),
    "dark tones": hostile.icc(3.0),
    "light tones": hostile.icc(1.4),
    "linear": hostile.icc(1.0),
    "swapped channels": SWAPPED,
    "steep": hostile.icc(20.0),
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_shown(name: str, form: str) -> None:
    """Within what scaling before instead of after may do."""
    profile = PROFILES[name]
    options = {"quality": 95} if form != "PNG" else {}
    tagged = images.encoded(PHOTOGRAPH, form, icc_profile=profile, **options)
    shown = by_littlecms(Image.open(BytesIO(tagged)).convert("RGB"), profile)
    as_shown = seen(images.encoded(shown))
    assert off(seen(tagged), as_shown) < 6
    assert off(seen(images.encoded(PHOTOGRAPH)), as_shown) > off(seen(tagged), as_shown)


def test_a_profile_of_one_colour_costs_no_second_transform() -> None:
    colour = Colour(icc=PROFILES["P3"])
    assert to_srgb(colour, "RGB") is to_srgb(Colour(icc=bytes(PROFILES["P3"])), "RGB")


@pytest.mark.parametrize(
    "profile", [hostile.icc(2.2), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_what_is_srgb_but_for_a_trifle_is_left_alone(profile: bytes) -> None:
    close = to_srgb(Colour(icc=profile), "RGB")
    assert close == AS_IT_IS or close.early is None


def test_srgb_itself_is_left_alone() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert to_srgb(Colour(icc=srgb), "RGB") == AS_IT_IS
    assert np.array_equal(seen(images.encoded(PHOTOGRAPH, icc_profile=srgb)), seen(PNG))


def test_grey_has_a_profile_too() -> None:
    grey = PHOTOGRAPH.convert("L")
    for profile in (hostile.icc(1.0, space=b"GRAY"), hostile.icc(1.0)):
        light = seen(images.encoded(grey, icc_profile=profile))
        assert light.mean() > seen(images.encoded(grey)).mean() + 25
        assert np.ptp(light, axis=-1).max() <= 4


def test_a_profile_for_another_kind_of_picture_is_ignored_as_viewers_do() -> None:
    grey = hostile.icc(1.0, space=b"GRAY")
    assert np.array_equal(seen(images.encoded(PHOTOGRAPH, icc_profile=grey)), seen(PNG))
    assert np.array_equal(
        seen(images.encoded(PHOTOGRAPH.convert("CMYK"), "JPEG", icc_profile=SWAPPED)),
        seen(images.encoded(PHOTOGRAPH.convert("CMYK"), "JPEG")),
    )


def test_ink_is_shown_as_its_profile_says() -> None:
    """A press on which everything without black ink comes out in one strong green."""
    green, black = (150, 70, 190), (0, 128, 128)
    profile = hostile.cmyk_icc([black if mix & 1 else green for mix in range(16)])
    assert to_srgb(Colour(icc=profile), "CMYK").late  # on scaled pixels
    inks = PHOTOGRAPH.convert("CMYK")
    shown = seen(images.encoded(inks, "JPEG", icc_profile=profile)).astype(int)
    assert shown[..., 1].mean() > shown[..., 0].mean() + 60
    assert shown[..., 1].mean() > shown[..., 2].mean() + 60


def test_a_bmp_may_have_a_profile() -> None:
    bmp = images.encoded(PHOTOGRAPH, "BMP")
    pixels, header = bmp[54:], bytearray(bmp[14:54] + bytes(84))
    header[0:4] = struct.pack("<I", 124)
    header[56:60] = b"DEBM"
    header[112:120] = struct.pack("<II", 124 + len(pixels), len(SWAPPED))
    head = b"BM" + struct.pack("<IHHI", 138 + len(pixels) + len(SWAPPED), 0, 0, 138)
    as_png = seen(images.encoded(PHOTOGRAPH, icc_profile=SWAPPED))
    assert np.array_equal(seen(head + bytes(header) + pixels + SWAPPED), as_png)
    assert np.array_equal(seen(head + bytes(header) + pixels), seen(PNG))


@settings(max_examples=150)
@given(st.sampled_from([SWAPPED, hostile.icc(1.0), hostile.cmyk_icc([(9, 9, 9)] * 16)]), st.data())
def test_any_damaged_profile_leaves_a_picture_or_is_refused(profile: bytes, data: st.DataObject) -> None:
    for mode in ("RGB", "CMYK"):
        file = images.encoded(images.corners().convert(mode), "JPEG", icc_profile=data.draw(damaged(profile)))
        try:
            shape = seen(file).shape
        except ItemError as error:
            assert error.reason == Reason.DECODE_FAILED  # noqa: PT017  it may be raised, and need not be
        else:
            assert shape == (1, 64, 64, 3)


def test_colours_that_show_through_keep_their_alpha() -> None:
    disc = images.on_nothing((200, 40, 40))
    over_black, over_white = seen(images.encoded(disc, icc_profile=SWAPPED)).astype(int)
    assert over_black[2, 2].max() <= 8
    assert over_white[2, 2].min() >= 247
    red, green, blue = over_black[32, 32]
    assert green > max(red, blue) + 60


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        hostile.icc(1.0)[:200],
        hostile.icc(1.0)[:60] + bytes(200),
        struct.pack(">I", len(hostile.icc(1.0)) + 100) + hostile.icc(1.0)[4:],
        hostile.icc(1.0)[:68] + bytes(12) + hostile.icc(1.0)[80:],
        hostile.icc(1.0)[:136] + b"\x00\xff" + hostile.icc(1.0)[138:],
        hostile.icc(1.0)[:128] + b"\xff\xff\xff\xff" + bytes(2000),
    ],
    ids=[
        "words",
        "cut",
        "zeros inside",
        "a size that is not there",
        "no white",
        "a tag out of reach",
        "endless tags",
    ],
)
def test_a_broken_profile_is_ignored_as_viewers_do(profile: bytes) -> None:
    chunk = images.png_chunk(b"iCCP", b"x\x00\x00" + zlib.compress(profile))
    assert np.array_equal(seen(hostile.with_chunks(PNG, chunk)), seen(PNG))


@pytest.mark.parametrize("kind", [b"link", b"scnr", b"none"])
def test_a_profile_of_any_class_is_shown_as_chromium_does(kind: bytes) -> None:
    as_one = images.encoded(PHOTOGRAPH, icc_profile=SWAPPED.replace(b"mntr", kind))
    assert np.array_equal(seen(as_one), seen(images.encoded(PHOTOGRAPH, icc_profile=SWAPPED)))


def test_where_a_profile_is_none_of_such_a_picture_the_gamma_counts() -> None:
    grey = (b"iCCP", b"x\x00\x00" + zlib.compress(hostile.icc(1.0, space=b"GRAY")))
    words = (b"iCCP", b"x\x00\x00" + zlib.compress(b"no profile" * 20))
    for chunk in (grey, words):
        assert np.array_equal(
            seen(hostile.with_chunks(PNG, chunk, gamma(1.0))), seen(hostile.with_chunks(PNG, gamma(1.0)))
        )


def test_what_viewers_differ_on_is_looked_at_both_ways_up() -> None:
    """Chromium turns no WebP; others turn it."""
    lying = images.turned(PHOTOGRAPH, 6, "WEBP", lossless=True)
    upright, stored = seen(PNG), seen(images.encoded(PHOTOGRAPH.transpose(Image.Transpose.ROTATE_90)))
    views = PillowDecoder(spec()).decode(lying)
    assert len(views.regions) == len(views.pixels) == len(upright) + len(stored)
    assert off(views.pixels, np.concatenate([upright, stored])) < 2
    moving = images.animated([PHOTOGRAPH, PHOTOGRAPH.rotate(180)], "WEBP", exif=hostile.exif((TURN, 3, 1, 3)))
    assert len(seen(moving)) == 4


def test_a_profile_that_inflates_without_end_is_refused() -> None:
    pack = zlib.compressobj(9)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(300)) + pack.flush()
    with pytest.raises(ItemError, match="a colour profile of over"):
        seen(hostile.with_chunks(PNG, (b"iCCP", b"x\x00\x00" + bomb)))


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


@pytest.mark.parametrize("value", [0.02, 0.2, 1.0, 2.0])
def test_png_gamma_is_shown(value: float) -> None:
    """A picture stored so that only a viewer that honours gAMA shows it is seen as that viewer shows it."""
    levels = np.asarray(PHOTOGRAPH) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    stored = Image.fromarray((linear**value * 255).round().astype(np.uint8))
    as_stored = images.encoded(stored)
    assert off(seen(hostile.with_chunks(as_stored, gamma(value))), seen(PNG)) < 8
    assert off(seen(as_stored), seen(PNG)) > 16


def test_usual_gamma_changes_nothing_and_srgb_overrules_it() -> None:
    assert np.array_equal(seen(hostile.with_chunks(PNG, gamma(0.45455))), seen(PNG))
    assert np.array_equal(seen(hostile.with_chunks(PNG, gamma(0.02), (b"sRGB", b"\x00"))), seen(PNG))
    assert np.array_equal(seen(hostile.with_chunks(PNG, gamma(0.02), (b"cICP", b"\x01\x0d\x00\x01"))), seen(PNG))
    assert np.array_equal(seen(hostile.with_chunks(PNG, (b"gAMA", bytes(4)))), seen(PNG))


def test_png_chromaticities_and_cicp_say_the_primaries() -> None:
    """A red of P3 is out of sRGB's reach: it loses what green and blue it has."""
    p3 = struct.pack(">8I", *(round(part * 100_000) for part in (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)))
    still = images.encoded(images.flat((220, 60, 60)))
    for more in ([gamma(0.45455), (b"cHRM", p3)], [(b"cICP", b"\x0c\x0d\x00\x01")]):
        red, green, _ = seen(hostile.with_chunks(still, *more))[0, 32, 32].astype(int)
        assert red >= 228
        assert green <= 50
    nonsense = [gamma(0.45455), (b"cHRM", bytes(32))]
    assert np.array_equal(seen(hostile.with_chunks(still, *nonsense)), seen(still))


def test_exact_preprocessing_knows_no_profiles_as_open_clips_transform_knows_none() -> None:
    tagged = images.encoded(PHOTOGRAPH, icc_profile=SWAPPED)
    assert np.array_equal(seen(tagged, "exact"), seen(PNG, "exact"))


UPSIDE_DOWN = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
TURN = 0x0112


def test_xmp_turns_nothing() -> None:
    """Pillow's own reader falls back to it; no browser does."""
    itxt = (b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + UPSIDE_DOWN)
    jpeg = hostile.with_segments(JPEG, hostile.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + UPSIDE_DOWN))
    assert np.array_equal(seen(jpeg), seen(JPEG))
    assert np.array_equal(seen(hostile.with_chunks(PNG, itxt)), seen(PNG))
    for form in ("WEBP", "AVIF"):
        plain = images.encoded(PHOTOGRAPH, form, quality=90)
        assert np.array_equal(seen(images.encoded(PHOTOGRAPH, form, quality=90, xmp=UPSIDE_DOWN)), seen(plain))


@pytest.mark.parametrize(
    ("entries", "turned"),
    [
        ([(TURN, 3, 1, 3)], True),
        ([(0x010F, 2, 1, 0), (TURN, 3, 1, 3)], True),
        ([(TURN, 3, 1, 1)], False),
        ([(TURN, 3, 1, 0)], False),
        ([(TURN, 3, 1, 9)], False),
        ([(TURN, 3, 1, 65_535)], False),
        ([(TURN, 4, 1, 3)], False),
        ([(TURN, 3, 2, 3)], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_turns_only_by_what_browsers_take(
    entries: list[tuple[int, int, int, int]], turned: bool, order: str
) -> None:
    block = hostile.exif(*entries, order=order)
    upside_down = seen(images.encoded(PHOTOGRAPH.transpose(Image.Transpose.ROTATE_180)))
    expected = upside_down if turned else seen(PNG)
    for file in (
        hostile.with_chunks(PNG, (b"eXIf", block[6:])),
        hostile.with_segments(JPEG, hostile.segment(0xE1, block)),
        images.encoded(PHOTOGRAPH, "WEBP", lossless=True, exif=block),
    ):
        assert off(seen(file)[: len(expected)], expected) < 2


def test_only_the_first_exif_block_and_its_first_directory_turn() -> None:
    first, second = hostile.exif((TURN, 3, 1, 1)), hostile.exif((TURN, 3, 1, 3))
    two = hostile.with_segments(JPEG, hostile.segment(0xE1, first), hostile.segment(0xE1, second))
    assert np.array_equal(seen(two), seen(JPEG))
    thumbnail = hostile.exif((0x010F, 3, 1, 0))
    thumbnail = thumbnail[:-4] + struct.pack("<I", len(thumbnail) - 6) + second[14:]
    assert np.array_equal(seen(hostile.with_segments(JPEG, hostile.segment(0xE1, thumbnail))), seen(JPEG))


def test_avif_is_turned_by_its_own_properties_not_by_exif() -> None:
    """Pillow's encoder writes an orientation as ``irot`` and ``imir``, which viewers go by."""
    turned = images.turned(images.corners(), 6, "AVIF", quality=90)
    assert off(seen(turned), seen(images.encoded(images.corners()))) < 6


def test_raw_profile_text_turns_nothing() -> None:
    block = hostile.exif((TURN, 3, 1, 3))
    text = b"Raw profile type exif\x00\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())
    assert np.array_equal(seen(hostile.with_chunks(PNG, (b"tEXt", text))), seen(PNG))


ANCILLARY = {
    "a text that inflates to 2 MiB": (b"zTXt", b"x\x00\x00" + zlib.compress(bytes(2 << 20))),
    "one that is no stream": (b"zTXt", b"x\x00\x00rubbish"),
    "an unknown way to pack": (b"zTXt", b"x\x00\x07rubbish"),
    "a large text": (b"tEXt", b"x\x00" + bytes(3 << 20)),
    "a short pHYs": (b"pHYs", b"\x00"),
    "a short gAMA": (b"gAMA", b"\x00"),
    "a short cHRM": (b"cHRM", b"\x00"),
    "an empty sRGB": (b"sRGB", b""),
    "a short eXIf": (b"eXIf", b"II"),
    "an unknown one": (b"abCd", b"x"),
    "an unknown profile": (b"iCCP", b"x\x00\x07rubbish"),
    "a second header": (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)),
    "a count of no frames": (b"acTL", bytes(8)),
    "a short count": (b"acTL", bytes(2)),
    "a frame without an animation": (b"fcTL", bytes(26)),
}


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("name", ANCILLARY)
def test_a_chunk_that_no_pixel_needs_spoils_no_png(name: str, damaged: bool) -> None:
    chunk = images.png_chunk(*ANCILLARY[name])
    if damaged:
        chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
    assert np.array_equal(seen(hostile.with_chunks(PNG, chunk)), seen(PNG))
    assert np.array_equal(seen(hostile.with_chunks(PNG, chunk, behind=b"IDAT")), seen(PNG))


def test_transparency_with_a_wrong_checksum_is_left_out_as_viewers_do() -> None:
    key = images.png_chunk(b"tRNS", struct.pack(">HHH", *images.RED))
    keyed = images.encoded(images.corners())
    assert len(seen(hostile.with_chunks(keyed, key))) == 2
    assert len(seen(hostile.with_chunks(keyed, key[:-1] + b"!"))) == 1


def test_ends_that_are_missing_cost_no_picture() -> None:
    gif = images.encoded(PHOTOGRAPH, "GIF")
    assert np.array_equal(seen(PNG[:-12]), seen(PNG))
    assert np.array_equal(seen(JPEG[:-2]), seen(JPEG))
    progressive = images.encoded(PHOTOGRAPH, "JPEG", progressive=True)
    assert np.array_equal(seen(progressive[:-2]), seen(progressive))
    assert np.array_equal(seen(gif.rstrip(b";")), seen(gif))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF"])
def test_bytes_behind_the_picture_are_no_part_of_it(form: str) -> None:
    file = images.encoded(PHOTOGRAPH, form)
    for more in (b"\x00" * 100, b"PK\x03\x04 an archive", file):
        assert np.array_equal(seen(file + more), seen(file)), more[:4]


def test_a_length_in_a_header_that_is_a_little_wrong_costs_no_picture() -> None:
    webp, bmp = images.encoded(PHOTOGRAPH, "WEBP"), images.encoded(PHOTOGRAPH, "BMP")
    for wrong in (-2, 2, 6):
        length = (int.from_bytes(webp[4:8], "little") + wrong).to_bytes(4, "little")
        assert np.array_equal(seen(webp[:4] + length + webp[8:]), seen(webp))
        length = (int.from_bytes(bmp[2:6], "little") + wrong).to_bytes(4, "little")
        assert np.array_equal(seen(bmp[:2] + length + bmp[6:]), seen(bmp))


def test_junk_between_the_segments_of_a_jpeg_costs_no_picture() -> None:
    start = JPEG.index(b"\xff\xdb")
    assert np.array_equal(seen(JPEG[:start] + bytes(50) + b"\xff\xff\xff" + JPEG[start:]), seen(JPEG))


def test_a_damaged_checksum_over_pixels_costs_no_picture() -> None:
    """A viewer shows the rows in front of it at least; the rows are here, so all of them are judged."""
    at = PNG.index(b"IDAT")
    end = at + 4 + int.from_bytes(PNG[at - 4 : at], "big")
    assert np.array_equal(seen(PNG[:end] + b"!!!!" + PNG[end + 4 :]), seen(PNG))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_what_lacks_pixels_is_no_image_to_decide_on(form: str, share: float) -> None:
    """Nobody has seen the rest, and what other people see of it may be whole."""
    file = {"JPEG": JPEG, "PNG": PNG}[form]
    with pytest.raises(ItemError) as caught:
        seen(file[: int(len(file) * share)])
    assert caught.value.reason is Reason.TRUNCATED


@pytest.mark.parametrize("counted", [1, 2, 6, 1000])
def test_an_apng_is_all_the_frames_that_are_there(counted: int) -> None:
    assert PillowDecoder(spec()).decode(hostile.apng((64, 64), 4, counted=counted)).frames == 4
