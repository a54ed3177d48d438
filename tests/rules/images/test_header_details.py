"""What single header fields mean: colours, sizes, frames, and what they add to the work of decoding."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import orientation
from pipeline.rules.images.headers import Stored, bmp, gif, jpeg, png, webp
from pipeline.rules.images.headers.stored import SRGB, Colour
from pipeline.rules.images.work import PILLOW_PIXEL, Work, copies, halvings
from tests import hostile_images as hostile
from tests import images

STILL = images.photograph(90, 60)
PNG = images.encoded(STILL)
GAMMA = (b"gAMA", struct.pack(">I", 50_000))
CORNERS = (b"cHRM", struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000))


def read_png(file: bytes) -> Stored:
    return png.read_png(file, 64_000_000, fast=True)


def read_gif(file: bytes) -> Stored:
    return gif.read_gif(file, 64_000_000, fast=True)


def read_bmp(file: bytes) -> Stored:
    return bmp.read_bmp(file, 64_000_000, fast=True)


@pytest.mark.parametrize(
    ("chunks", "colour"),
    [
        ([], SRGB),
        ([GAMMA], Colour(gamma=0.5)),
        ([CORNERS], Colour(chromaticities=(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06))),
        ([(b"cHRM", b"short")], SRGB),
        ([(b"gAMA", bytes(4))], SRGB),
        ([(b"sRGB", b"\x00"), GAMMA, CORNERS], SRGB),
        ([(b"cICP", bytes([9, 16, 0, 1])), (b"sRGB", b"\x00"), GAMMA], Colour(cicp=(9, 16))),
        ([(b"cICP", bytes([9, 16, 0])), GAMMA], Colour(gamma=0.5)),
        ([GAMMA, (b"gAMA", struct.pack(">I", 70_000))], Colour(gamma=0.5)),
        ([(b"gAMA", GAMMA[1] * 2)], SRGB),
        ([(b"gAMA", bytes(4)), GAMMA], Colour(gamma=0.5)),
        ([(b"sRGB", b"\x04"), GAMMA], Colour(gamma=0.5)),
        ([(b"sRGB", b""), GAMMA], Colour(gamma=0.5)),
        ([(b"sRGB", b"\x00\x00"), GAMMA], Colour(gamma=0.5)),
        ([(b"sRGB", b"\x09"), (b"sRGB", b"\x03"), GAMMA], SRGB),
        ([(b"cICP", bytes([2, 2, 0, 1])), GAMMA], Colour(gamma=0.5)),
        ([(b"cICP", bytes([1, 99, 0, 1])), GAMMA], Colour(gamma=0.5)),
        ([(b"cICP", bytes([0, 13, 0, 1])), (b"sRGB", b"\x00"), GAMMA], SRGB),
        ([(b"cICP", bytes([1, 2, 0, 1])), (b"cICP", bytes([1, 13, 0, 1])), GAMMA], Colour(cicp=(1, 13))),
    ],
)
def test_the_colours_of_a_png_are_those_of_the_chunk_that_counts(
    chunks: list[tuple[bytes, bytes]], colour: Colour
) -> None:
    assert read_png(hostile.with_chunks(PNG, *chunks)).colour == colour


def test_the_profile_of_a_png_goes_before_its_gamma_and_one_that_is_broken_is_none() -> None:
    profile = hostile.icc(1.8)
    with_profile = images.encoded(STILL, icc_profile=profile)
    assert read_png(with_profile).colour == Colour(icc=profile)
    assert read_png(hostile.with_chunks(with_profile, GAMMA)).colour == Colour(
        icc=profile, otherwise=Colour(gamma=0.5)
    )
    assert read_png(hostile.with_chunks(with_profile, GAMMA, (b"sRGB", b"\x00"))).colour == Colour(icc=profile)
    packed = zlib.compress(profile)
    for cut in (packed[:-4], packed[:-9], packed[:60]):
        assert read_png(hostile.with_chunks(PNG, (b"iCCP", b"x\x00\x00" + cut), GAMMA)).colour == Colour(gamma=0.5)
    for name in (b"", b"x" * 80):
        chunk = (b"iCCP", name + b"\x00\x00" + packed)
        assert read_png(hostile.with_chunks(PNG, chunk, GAMMA)).colour == Colour(gamma=0.5)
    for broken in (b"name\x00\x01rubbish", b"name\x00\x00rubbish", b"name"):
        assert read_png(hostile.with_chunks(PNG, (b"iCCP", broken), GAMMA)).colour == Colour(gamma=0.5)


def test_colours_behind_the_pixels_of_a_png_do_not_count_and_cicp_not_behind_a_palette() -> None:
    for chunk in (GAMMA, CORNERS, (b"sRGB", b"\x00"), (b"cICP", bytes([1, 13, 0, 1]))):
        late = hostile.with_chunks(hostile.with_chunks(PNG, (b"gAMA", bytes(4))), chunk, behind=b"IDAT")
        assert read_png(late).colour == SRGB
    flat = images.encoded(STILL.quantize(16))
    assert read_png(hostile.with_chunks(flat, GAMMA, behind=b"PLTE")).colour == Colour(gamma=0.5)
    coded = hostile.with_chunks(hostile.with_chunks(flat, GAMMA), (b"cICP", bytes([1, 13, 0, 1])), behind=b"PLTE")
    assert read_png(coded).colour == Colour(gamma=0.5)


def test_transparency_counts_only_in_its_place_and_length() -> None:
    flat, clear = images.encoded(STILL.quantize(16)), (b"tRNS", bytes(16))
    assert b"tRNS" in read_png(hostile.with_chunks(flat, clear, behind=b"PLTE")).data
    for behind in (b"IHDR", b"IDAT"):
        assert b"tRNS" not in read_png(hostile.with_chunks(flat, clear, behind=behind)).data
    later = hostile.with_chunks(hostile.with_chunks(flat, (b"tRNS", bytes(9)), behind=b"PLTE"), clear)
    assert (b"tRNS", bytes(9)) in hostile.png_chunks(read_png(later).data)
    assert b"tRNS" not in read_png(hostile.with_chunks(PNG, (b"tRNS", bytes(5)))).data
    deep = hostile.zeros_png((8, 8), 16, 2, more=[(b"tRNS", bytes(6))])
    with pytest.raises(ItemError, match="16 bits") as caught:
        read_png(deep)
    assert caught.value.reason is Reason.DECODE_FAILED


def test_viewers_differ_on_exif_that_stands_behind_the_pixels_or_has_a_mark_of_a_jpegs() -> None:
    block = hostile.exif((274, 3, 1, 6))
    plain, marked = (b"eXIf", block[6:]), (b"eXIf", block)
    for file, differ in (
        (hostile.with_chunks(PNG, plain), False),
        (hostile.with_chunks(PNG, marked), True),
        (hostile.with_chunks(PNG, plain, behind=b"IDAT"), True),
    ):
        stored = read_png(file)
        assert (stored.orientation, stored.either_way_up) == (6, differ)


def test_a_chunk_whose_checksum_is_wrong_says_nothing() -> None:
    file = hostile.with_chunks(PNG, GAMMA)
    at = file.index(b"gAMA")
    assert read_png(file[: at + 7] + b"\x01" + file[at + 8 :]).colour == SRGB
    assert read_png(file[: at + 8] + bytes(4) + file[at + 12 :]).colour == SRGB


def test_transparency_with_a_wrong_checksum_is_left_out_as_viewers_do() -> None:
    sound = hostile.with_chunks(PNG, (b"tRNS", bytes(6)))
    at = sound.index(b"tRNS")
    broken = sound[: at + 10] + bytes(4) + sound[at + 14 :]
    assert b"tRNS" in read_png(sound).data
    assert b"tRNS" not in read_png(broken).data
    assert read_png(sound).work.memory > read_png(PNG).work.memory


def test_a_png_that_needs_no_change_is_given_on_as_it_is_and_text_is_left_out() -> None:
    assert read_png(PNG).data is PNG
    assert b"tEXt" not in read_png(hostile.with_chunks(PNG, (b"tEXt", b"Comment\x00hello"))).data
    assert read_png(PNG[:-12]).data.endswith(PNG[-12:])


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (PNG[:32], Reason.TRUNCATED),
        (PNG[:12] + b"IDAT" + PNG[16:], Reason.DECODE_FAILED),
        (PNG[:12] + b"IDAT" + PNG[16:20], Reason.TRUNCATED),
    ],
)
def test_a_png_without_a_header_is_refused(file: bytes, reason: Reason) -> None:
    with pytest.raises(ItemError, match=f"{len(file):,} bytes") as caught:
        read_png(file)
    assert caught.value.reason is reason


def test_a_png_of_too_many_chunks_is_refused_and_one_of_as_many_as_may_be_is_read() -> None:
    """The header, the pixels and the end are three."""
    assert PNG.count(b"IDAT") == 1
    at, empty = PNG.index(b"IDAT") - 4, images.png_chunk(b"tEXt", b"")
    assert read_png(PNG[:at] + empty * (png.MAX_CHUNKS - 3) + PNG[at:]).size == (90, 60)
    with pytest.raises(ItemError, match="chunks") as caught:
        read_png(PNG[:at] + empty * (png.MAX_CHUNKS - 2) + PNG[at:])
    assert caught.value.reason is Reason.TOO_MUCH_WORK


@pytest.mark.parametrize("counted", [1, 3, 90])
def test_an_animation_that_counts_its_frames_wrongly_is_put_right(counted: int) -> None:
    stored = read_png(hostile.apng((60, 40), 3, counted=counted))
    assert stored.frames == 3
    with Image.open(BytesIO(stored.data)) as shown:
        assert shown.n_frames == 3  # type: ignore[attr-defined]


def test_a_picture_in_front_of_an_animation_is_a_frame_more() -> None:
    """Its pixels have no frame of their own, as old readers are shown it alone."""
    chunks = hostile.png_chunks(hostile.apng((60, 40), 3))
    front = hostile.png_of([*chunks[:2], *(each for each in chunks[2:] if each[0] == b"IDAT"), *chunks[4:]])
    stored = read_png(front)
    with Image.open(BytesIO(front)) as shown:
        assert stored.frames == 3
        assert shown.default_image  # type: ignore[attr-defined]
    assert read_png(hostile.apng((60, 40), 3)).frames == 3


def test_memory_for_a_png_counts_its_channels_and_whether_it_is_turned() -> None:
    pixels = 90 * 60
    grey = images.encoded(STILL.convert("L"))
    assert read_png(grey).work.memory == pixels
    turn = (b"eXIf", hostile.exif((274, 3, 1, 6)).removeprefix(b"Exif\x00\x00"))
    turned = read_png(hostile.with_chunks(PNG, turn))
    assert (turned.orientation, read_png(PNG).orientation) == (6, 1)
    assert turned.work.memory - read_png(PNG).work.memory == pixels * PILLOW_PIXEL


def test_frames_without_the_chunk_that_announces_them_are_none() -> None:
    still = read_png(
        hostile.png_of(each for each in hostile.png_chunks(hostile.apng((60, 40), 3)) if each[0] != b"acTL")
    )
    assert still.frames == 1
    assert b"fcTL" not in still.data
    assert b"fdAT" not in still.data


def test_more_frames_are_more_work_and_so_are_more_bytes_of_a_png() -> None:
    few, many = (read_png(hostile.apng((60, 40), count)).work for count in (2, 9))
    assert many.seconds > few.seconds + 7 * png.FRAME
    assert many.memory == few.memory == 60 * 40 * PILLOW_PIXEL * png.CANVAS_COPIES
    alone = read_png(PNG).work
    assert alone.seconds > len(PNG) * png.BYTE + 90 * 60 * (3 * png.RAW + png.PIXEL) * 0.99
    deep = read_png(images.deep_grey((90, 60))).work
    assert deep.memory > read_png(images.encoded(STILL.convert("L"))).work.memory


def test_a_gif_of_too_many_blocks_is_refused() -> None:
    file = images.encoded(STILL.convert("P"), "GIF")
    end = file.rindex(b";")
    for count, refused in ((gif.MAX_BLOCKS + 1, True), (1000, False)):
        padded = file[:end] + b"!\xfe" + b"\x01x" * count + b"\x00" + file[end:]
        if refused:
            with pytest.raises(ItemError, match="blocks") as caught:
                read_gif(padded)
            assert caught.value.reason is Reason.TOO_MUCH_WORK
        else:
            extra = read_gif(padded).work.seconds - read_gif(file).work.seconds
            assert extra == pytest.approx(count * (gif.BLOCK + 2 * gif.BYTE), rel=0.01)


@pytest.mark.parametrize(("across", "down"), [(300, 0), (0, 300), (200, 250)])
def test_a_frame_that_stands_out_enlarges_the_canvas_to_where_it_ends(across: int, down: int) -> None:
    file = bytearray(images.encoded(Image.new("P", (64, 48)), "GIF"))
    at = file.index(b",\x00\x00\x00\x00") + 1
    file[at : at + 4] = struct.pack("<HH", across, down)
    assert read_gif(bytes(file)).size == (64 + across, 48 + down)


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
def test_palettes_of_any_size_are_passed_and_frames_of_their_own_palettes_are_found(colours: int) -> None:
    """Frames of different palettes have palettes of their own."""
    frames = [images.photograph(40, 30, seed).quantize(colours).convert("RGB").quantize(colours) for seed in range(3)]
    file = images.animated(frames, optimize=False)
    with Image.open(BytesIO(file)) as shown:
        assert read_gif(file).frames == shown.n_frames == 3  # type: ignore[attr-defined]


def test_work_of_a_gif_grows_with_frames_and_canvas() -> None:
    few, many = (read_gif(images.hand_made_gif(frames, (400, 300))).work for frames in (2, 12))
    assert many.seconds > few.seconds + 10 * (gif.FRAME + 400 * 300 * gif.CANVAS * 0.99)
    assert many.memory == 400 * 300 * PILLOW_PIXEL * gif.CANVAS_COPIES
    assert "12 frames" in many.of


def old_bmp(width: int, height: int, bits: int = 24) -> bytes:
    rows = bytes(-(-width * bits // 32) * 4 * height)
    head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    return b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + head + rows


def test_a_bmp_of_the_oldest_kind_is_read_too() -> None:
    stored = read_bmp(old_bmp(300, 7))
    assert stored.size == (300, 7)
    with Image.open(BytesIO(stored.data)) as shown:
        assert shown.size == (300, 7)
    assert stored.work.seconds == pytest.approx(300 * 7 * bmp.PIXEL)
    assert read_bmp(old_bmp(300, 700, 8)).work.memory < read_bmp(old_bmp(300, 700, 24)).work.memory


def test_a_bmp_that_stands_on_its_head_is_as_high() -> None:
    file = bytearray(images.encoded(STILL, "BMP"))
    file[22:26] = struct.pack("<i", -60)
    assert read_bmp(bytes(file)).size == (90, 60)


def test_runs_in_a_bmp_cost_for_their_pixels_and_for_their_bytes() -> None:
    short = read_bmp(hostile.rle_bmp((300, 200))).work
    long = read_bmp(hostile.rle_bmp((300, 200), b"\x01\x01" * 500 + b"\x00\x01")).work
    assert short.seconds > 300 * 200 * bmp.RUN_PIXEL
    assert long.seconds == pytest.approx(short.seconds + 998 * bmp.RUN_BYTE)
    assert "run-length" in short.of
    plain = read_bmp(images.encoded(Image.new("P", (300, 200)), "BMP")).work
    assert "run-length" not in plain.of
    assert short.memory - plain.memory == bmp.RUN_COPIES * 300 * 200


def test_a_profile_in_a_bmp_is_found_only_where_its_header_says_that_it_is_one() -> None:
    profile = b"profile" * 9
    plain = images.encoded(STILL, "BMP")
    pixels = plain[54:]

    def file(kind: bytes = b"DEBM", length: int = len(profile)) -> bytes:
        head = bytearray(124)
        head[:40] = struct.pack("<I", 124) + plain[18:54]
        head[56:60] = kind
        head[112:120] = struct.pack("<II", 124 + len(pixels), length)
        return b"BM" + struct.pack("<IHHI", 0, 0, 0, 138) + bytes(head) + pixels + profile

    assert read_bmp(file()).colour == Colour(icc=profile)
    assert read_bmp(file(kind=b"BGRs")).colour == SRGB
    assert read_bmp(file(length=0)).colour == SRGB
    assert read_bmp(file(length=len(profile) + 1)).colour == SRGB
    assert read_bmp(plain).colour == SRGB


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mark", [True, False])
def test_the_orientation_is_one_short_from_1_to_8_in_the_first_directory(order: str, mark: bool) -> None:
    def turn(*entries: tuple[int, int, int, int]) -> int:
        block = hostile.exif(*entries, order=order)
        return orientation(block if mark else block.removeprefix(b"Exif\x00\x00"))

    width = (256, 3, 1, 640)
    assert [turn(width, (274, 3, 1, each), width) for each in range(1, 9)] == list(range(1, 9))
    assert [turn((274, 3, 1, each)) for each in (0, 9, 700)] == [1, 1, 1]
    assert turn((274, 4, 1, 6)) == turn((274, 3, 2, 6)) == turn((275, 3, 1, 6)) == turn(width) == 1
    block = bytearray(hostile.exif((274, 3, 1, 6), order=order))
    block[14:16] = bytes(2)
    assert orientation(bytes(block)) == 1, "none of its entries counts"
    assert turn((274, 4, 1, 3), (274, 3, 1, 6), (274, 3, 1, 8)) == 6


def read_jpeg(file: bytes, shrink: int = 1) -> Stored:
    return jpeg.read_jpeg(file, 64_000_000, lambda _size, _colour: shrink, fast=True)


JPEG = images.encoded(STILL, "JPEG")


def test_a_jpegs_profile_is_put_together_from_its_parts_in_any_order_and_only_from_all() -> None:
    def parts(*numbers: int, of: int = 3) -> bytes:
        bodies = (b"ICC_PROFILE\x00" + bytes([number, of]) + b"part %d " % number for number in numbers)
        return hostile.with_segments(JPEG, *(hostile.segment(0xE2, body) for body in bodies))

    for order in ((1, 2, 3), (3, 1, 2)):
        assert read_jpeg(parts(*order)).colour == Colour(icc=b"part 1 part 2 part 3 ")
    for missing in ((1, 2), (2, 3), (1, 1, 2), (1, 2, 3, 4), (0, 1, 2)):
        assert read_jpeg(parts(*missing)).colour == SRGB


def test_what_no_pixel_of_a_jpeg_needs_is_left_out_and_its_first_exif_counts() -> None:
    exifs = [hostile.segment(0xE1, hostile.exif((274, 3, 1, turn))) for turn in (6, 3)]
    file = hostile.with_segments(JPEG, *exifs, hostile.segment(0xFE, b"a comment"), hostile.segment(0xEE, b"Adobe"))
    stored = read_jpeg(file)
    assert (stored.orientation, stored.size) == (6, (90, 60))
    assert b"a comment" not in stored.data
    assert b"Exif" not in stored.data
    assert b"Adobe" in stored.data
    assert read_jpeg(JPEG).data is JPEG


def test_junk_between_the_segments_of_a_jpeg_is_left_out() -> None:
    stored = read_jpeg(JPEG[:2] + b"junk" + JPEG[2:])
    assert stored.data == JPEG


@pytest.mark.parametrize("length", [2, 10, 30])
def test_a_jpeg_that_ends_before_its_picture_is_truncated(length: int) -> None:
    with pytest.raises(ItemError, match=f"in its {length} bytes") as caught:
        read_jpeg(JPEG[:length])
    assert caught.value.reason is Reason.TRUNCATED


def test_a_jpeg_of_too_many_segments_or_scans_is_refused() -> None:
    comments = hostile.with_segments(JPEG, *[hostile.segment(0xFE, b"")] * jpeg.MAX_SEGMENTS)
    with pytest.raises(ItemError, match="segments in front") as caught:
        read_jpeg(comments)
    assert caught.value.reason is Reason.TOO_MUCH_WORK
    with pytest.raises(ItemError, match="scans") as caught:
        read_jpeg(hostile.many_scans(16, jpeg.MAX_SCANS + 1))
    assert caught.value.reason is Reason.TOO_MUCH_WORK
    start = JPEG.index(b"\xff\xda")
    between = JPEG[:-2].replace(b"\xff\xc0", b"\xff\xc2") + hostile.segment(0xFE, b"") * jpeg.MAX_SEGMENTS
    with pytest.raises(ItemError, match="between two scans") as caught:
        read_jpeg(between + JPEG[start:])
    assert caught.value.reason is Reason.TOO_MUCH_WORK


@pytest.mark.parametrize("promised", [8, 10_000_000])
def test_a_webp_is_given_on_with_the_length_that_it_has(promised: int) -> None:
    """Its decoder takes one that promises more for cut short, and one that promises less for a part of itself."""
    file = images.encoded(STILL, "WEBP")
    wrong = file[:4] + struct.pack("<I", promised) + file[8:]
    for each in (file, wrong, wrong + b"junk"):
        stored = webp.read_webp(each, 64_000_000, fast=True)
        assert (stored.data, stored.size) == (file, (90, 60))
    assert webp.read_webp(file, 64_000_000, fast=True).data is file


EXTENDED = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (89).to_bytes(3, "little") + (59).to_bytes(3, "little")


def read_webp(*chunks: bytes, flags: int | None = None) -> Stored:
    head = b"" if flags is None else EXTENDED[:8] + bytes([flags]) + EXTENDED[9:]
    body = b"WEBP" + head + b"".join(chunks)
    return webp.read_webp(b"RIFF" + struct.pack("<I", len(body)) + body, 64_000_000, fast=True)


def riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) & 1)


@pytest.mark.parametrize("name", [b"abcd", b"a-b!", bytes(4), b"\xff\xfe\xfd\xfc"])
def test_a_chunk_of_any_name_ends_no_webp(name: bytes) -> None:
    moving = images.animated([STILL, images.flat(images.RED, (90, 60))], "WEBP")
    last = moving.rindex(b"ANMF")
    stored = read_webp(moving[12:last], riff(name, b"hi"), moving[last:])
    assert stored.frames == 2
    with Image.open(BytesIO(stored.data)) as shown:
        assert shown.n_frames == 2  # type: ignore[attr-defined]


def test_what_stands_beside_a_webp_counts_only_where_its_flags_say_that_it_is_there() -> None:
    still = images.encoded(STILL, "WEBP")[12:]
    profile, exif = hostile.icc(1.8), hostile.exif((274, 3, 1, 6))
    beside = (riff(b"ICCP", profile), still, riff(b"EXIF", exif))
    both = read_webp(*beside, flags=0x28)
    assert (both.colour, both.orientation, both.either_way_up) == (Colour(icc=profile), 6, True)
    assert read_webp(*beside, flags=0x20).orientation == 1
    assert read_webp(*beside, flags=0x08).colour == SRGB
    simple = read_webp(still, riff(b"ICCP", profile), riff(b"EXIF", exif))
    assert (simple.colour, simple.orientation, simple.either_way_up) == (SRGB, 1, False)


def test_a_lossless_webp_is_opaque_where_its_flags_say_so() -> None:
    clear = STILL.convert("RGBA")
    clear.putalpha(0)
    file = images.encoded(clear, "WEBP", lossless=True, exact=True)
    chunk = file[file.index(b"VP8L") :]
    for flags, mode in ((0, "RGB"), (0x10, "RGBA"), (None, "RGBA")):
        with Image.open(BytesIO(read_webp(chunk, flags=flags).data)) as shown:
            assert shown.mode == mode
            assert np.array_equal(np.asarray(shown)[..., :3], np.asarray(STILL))


def webp_frame(still: Image.Image, *, x: int = 0, flags: int = 0, **options: object) -> bytes:
    """One frame of an animation, of a lossless still unless `options` say otherwise."""
    file = images.encoded(still, "WEBP", **{"lossless": True, "exact": True, **options})
    inside = file[30:] if file[12:16] == b"VP8X" else file[12:]
    place = b"".join(each.to_bytes(3, "little") for each in (x // 2, 0, still.width - 1, still.height - 1, 100))
    return riff(b"ANMF", place + bytes([flags]) + inside)


ANIMATED, ALPHA = 0x02, 0x10
ANIM = riff(b"ANIM", bytes(6))


@pytest.mark.parametrize("options", [{}, {"lossless": False}])
def test_frames_with_an_alpha_that_the_header_denies_are_refused(options: dict[str, object]) -> None:
    """Chromium adds their colours to those of the page, where others mix both."""
    clear = STILL.convert("RGBA")
    clear.putalpha(90)
    frames = webp_frame(STILL), webp_frame(clear, **options)
    assert read_webp(ANIM, *frames, flags=ANIMATED | ALPHA).frames == 2
    with pytest.raises(ItemError, match="alpha that the header denies") as caught:
        read_webp(ANIM, *frames, flags=ANIMATED)
    assert caught.value.reason is Reason.DECODE_FAILED


def test_where_opaque_frames_leave_a_part_of_the_canvas_the_page_is_seen() -> None:
    small = STILL.crop((0, 0, 40, 60))
    for frames in ([webp_frame(small, x=20)], [webp_frame(STILL, flags=1), webp_frame(small, x=20)]):
        with Image.open(BytesIO(read_webp(ANIM, *frames, flags=ANIMATED).data)) as shown:
            shown.seek(len(frames) - 1)
            assert [shown.convert("RGBA").getpixel((x, 30))[3] for x in (5, 30, 70)] == [0, 255, 0]  # type: ignore[index]


def test_opaque_frames_that_cover_the_canvas_stay_opaque() -> None:
    with Image.open(BytesIO(read_webp(ANIM, webp_frame(STILL), webp_frame(STILL), flags=ANIMATED).data)) as shown:
        assert shown.mode == "RGB"


def test_the_sixth_byte_of_a_jpegs_exif_may_be_any_and_viewers_differ_then() -> None:
    block = hostile.exif((274, 3, 1, 6))
    for sixth, differ in ((b"\x00", False), (b"\xff", True)):
        stored = read_jpeg(hostile.with_segments(JPEG, hostile.segment(0xE1, block[:5] + sixth + block[6:])))
        assert (stored.orientation, stored.either_way_up) == (6, differ)
    assert not read_jpeg(JPEG).either_way_up


def test_work_that_is_more_is_still_of_the_same() -> None:
    assert Work(1.0, 5, "a file").and_more(0.5) == Work(1.5, 5, "a file")


@pytest.mark.parametrize(
    ("size", "factor"),
    [
        ((4000, 4000), 1),
        ((4001, 4000), 1),
        ((4096, 4096), 2),
        ((30_000, 4095), 1),
        ((30_000, 4096), 2),
        ((8192, 8192), 4),
        ((8000, 8000), 2),
    ],
)
def test_a_large_still_is_halved_until_it_is_small_or_its_short_side_would_be(
    size: tuple[int, int], factor: int
) -> None:
    assert halvings(size) == factor
    once = size[0] * size[1] * PILLOW_PIXEL
    for converted, turned in ((False, False), (True, False), (True, True)):
        slow = copies(size, converted=converted, turned=turned, fast=False)
        fast = copies(size, converted=converted, turned=turned, fast=True)
        assert slow == once * (converted + turned)
        assert fast == int(once / factor**2 * ((converted or factor > 1) + turned))


def test_a_jpeg_without_its_end_mark_is_twice_the_work() -> None:
    whole, cut = read_jpeg(JPEG), read_jpeg(JPEG[:-2])
    assert (whole.lacks_end, cut.lacks_end) == (False, True)
    assert cut.work.seconds == pytest.approx(2 * whole.work.seconds, rel=0.01)


def test_a_jpeg_costs_for_its_bytes_its_scans_and_what_it_is_shown_at() -> None:
    scans = [read_jpeg(hostile.many_scans(400, count)).work for count in (2, 12)]
    assert scans[1].seconds - scans[0].seconds > 10 * 400 * 400 * jpeg.PASS
    assert "in 18 scans" in scans[1].of
    assert read_jpeg(JPEG).work.of == "JPEG of 90 x 60 pixels in 1 scan"
    large = images.encoded(images.photograph(800, 600), "JPEG")
    whole, half = read_jpeg(large).work, read_jpeg(large, shrink=2).work
    assert whole.seconds - half.seconds == pytest.approx(0.75 * 800 * 600 * 2.5 * jpeg.SAMPLE, rel=0.01)
    assert whole.memory > 3 * half.memory
    progressive = read_jpeg(images.encoded(images.photograph(800, 600), "JPEG", progressive=True)).work
    assert progressive.memory - whole.memory == pytest.approx(jpeg.COEFFICIENT * 1.5 * 800 * 600)
