"""The decoder on honest images of every kind: the right pixels, the right views, the right frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from tests import images


def spec(size: int | tuple[int, int] = 64, interpolation: str = "bicubic", mode: str = "shortest") -> EncoderSpec:
    """A model of which only the preprocessing matters."""
    both = (size, size) if isinstance(size, int) else size
    return EncoderSpec(
        name="none",
        fingerprint="0" * 16,
        dtype="float32",
        image_size=both,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        interpolation=interpolation,
        resize_mode=mode,
        features=8,
        context_length=77,
        logit_scale=100.0,
        logit_bias=None,
    )


def views(image: bytes, **options: object) -> Pixels:
    return PillowDecoder(spec(), **options).decode(image).pixels  # type: ignore[arg-type]


def recipe(still: Image.Image, its: EncoderSpec) -> Pixels:
    """What open_clip's own transform makes of a still, brought back to whole levels."""
    from open_clip import image_transform

    transform = image_transform(
        its.image_size,
        is_train=False,
        mean=its.mean,
        std=its.std,
        interpolation=its.interpolation,
        resize_mode=its.resize_mode,
    )
    return (transform(still) * 255).round().byte().permute(1, 2, 0).numpy()  # type: ignore[no-any-return]


SIZES = [
    (64, 64),
    (640, 427),
    (427, 640),
    (100, 65),
    (65, 100),
    (33, 47),
    (127, 64),
    (301, 300),
    (1024, 768),
    (63, 125),
]
STILLS = [images.photograph(*size, seed=size[0]) for size in SIZES]


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("target", [64, 224, (48, 80)])
def test_exact_preprocessing_is_open_clips_own(mode: str, interpolation: str, target: int | tuple[int, int]) -> None:
    """To the last bit, for every way to resize, on stills of many sizes."""
    its = spec(target, interpolation, mode)
    decoder = PillowDecoder(its, preprocess="exact")
    for still in STILLS:
        decoded = decoder.decode(images.encoded(still))
        assert decoded.pixels.shape == (1, *its.image_size, 3)
        worst = np.abs(decoded.pixels[0].astype(int) - recipe(still, its).astype(int)).max()
        assert worst == 0, f"{still.size}: off by {worst}"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_every_accepted_format_is_read_whatever_its_name(form: str) -> None:
    """There is no name to look at: the bytes alone say what they are."""
    seen = views(images.encoded(images.flat(images.GREEN), form))
    assert seen.shape == (1, 64, 64, 3)
    assert seen.dtype == np.uint8
    assert np.abs(seen.astype(int) - images.GREEN).max() <= 8


def test_a_multi_picture_jpeg_is_its_first_picture() -> None:
    pair = images.animated([images.flat(images.RED), images.flat(images.BLUE)], "MPO")
    decoded = PillowDecoder(spec()).decode(pair)
    assert decoded.frames == 1
    assert np.abs(decoded.pixels.astype(int) - images.RED).max() <= 8


@pytest.mark.parametrize("preprocess", ["fast", "exact"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int, form: str, preprocess: str) -> None:
    """A file stored sideways is seen as viewers see it; a WebP, which some do not turn, as it is stored, too."""
    still = images.corners()
    upright = views(images.encoded(still))
    seen = views(images.turned(still, orientation, form, quality=95), preprocess=preprocess)
    assert len(seen) == len(upright) * (2 if form == "WEBP" and orientation > 1 else 1)
    assert np.abs(seen[: len(upright)].astype(int) - upright).mean() < 6


def test_palette_grey_cmyk_and_one_bit_images_show_their_colours() -> None:
    still = images.corners()
    upright = views(images.encoded(still)).astype(int)
    palette = still.convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.abs(views(images.encoded(palette)) - upright).mean() < 4
    assert np.abs(views(images.encoded(still.convert("CMYK"), "JPEG", quality=95)) - upright).mean() < 6
    grey = views(images.encoded(still.convert("L")))
    assert np.ptp(grey, axis=-1).max() == 0
    assert np.abs(views(images.encoded(still.convert("L"), "JPEG", quality=95)).astype(int) - grey).mean() < 3
    bits = views(images.encoded(images.flat((255,), mode="L").convert("1")))
    assert bits.min() == 255


def test_sixteen_bit_grey_keeps_its_whole_range() -> None:
    """Clipping at 255 of 65535 would show a white sheet."""
    ramp = views(images.deep_grey())[0, 32, :, 0].astype(int)
    assert ramp[0] <= 2
    assert ramp[-1] >= 253
    assert abs(ramp[32] - 128) <= 4


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (128, 128, 128)])
@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "AVIF"])
def test_what_transparency_hides_shows_over_black_or_over_white(ink: tuple[int, int, int], form: str) -> None:
    """White on nothing is invisible over white, black on nothing over black: one of the two views has it."""
    seen = views(images.encoded(images.on_nothing(ink), form, quality=100)).astype(int)
    assert seen.shape[0] == 2
    over_black, over_white = seen
    assert over_black[2, 2].max() <= 8
    assert over_white[2, 2].min() >= 247
    assert max(np.ptp(over_black), np.ptp(over_white)) >= 100


def test_grey_with_alpha_palette_alpha_and_keyed_colours_count_as_transparent() -> None:
    disc = images.on_nothing((255, 255, 255))
    assert len(views(images.encoded(disc.convert("LA")))) == 2
    assert len(views(images.encoded(disc.quantize(16)))) == 2
    keyed = images.encoded(images.corners(), transparency=images.RED)
    assert len(views(keyed)) == 2
    deep = Image.fromarray(np.full((64, 64), 40_000, np.uint16))
    assert len(views(images.encoded(deep, transparency=40_000))) == 2


def test_an_alpha_channel_that_hides_nothing_costs_no_second_view() -> None:
    assert len(views(images.encoded(images.corners().convert("RGBA")))) == 1


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("bad_at", [0, 1, 17, 38, 39])
def test_one_bad_frame_is_seen_wherever_it_stands(form: str, bad_at: int) -> None:
    """Forty frames, one of them red, eight looked at: the red one is always among them."""
    frames = [images.flat((10 + index, 20, 200), (48, 48)) for index in range(40)]
    frames[bad_at] = images.flat(images.RED, (48, 48))
    decoded = PillowDecoder(spec(), max_frames=8).decode(images.animated(frames, form, duration=50))
    assert decoded.frames <= 8
    assert len(decoded.pixels) == decoded.frames
    reds = decoded.pixels[:, 32, 32].astype(int)
    assert (np.abs(reds - images.RED).max(axis=-1) < 40).any()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("at", [1, 20, 58])
def test_one_picture_among_strobing_colours_is_seen_in_every_format(form: str, at: int) -> None:
    draw = np.random.default_rng(at)
    frames = [images.flat(tuple(draw.integers(0, 256, 3).tolist()), (48, 48)) for _ in range(60)]
    frames[at] = images.corners((48, 48))
    decoded = PillowDecoder(spec(), max_frames=8).decode(images.animated(frames, form, duration=20))
    assert at in decoded.regions["frame"]
    assert decoded.frames <= 11


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("at", [23, 33, 41])
@pytest.mark.parametrize("milliseconds", [0, 10, 100])
def test_a_frame_of_no_time_stands_out_as_browsers_show_it(form: str, at: int, milliseconds: int) -> None:
    """For a tenth of a second, five times as long as each of the sixty pictures around it."""
    frames = [images.photograph(48, 48, seed) for seed in range(61)]
    durations = [20] * len(frames)
    durations[at] = milliseconds
    decoded = PillowDecoder(spec()).decode(images.animated(frames, form, duration=durations))
    assert decoded.unseen
    assert at in decoded.regions["frame"]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_picture_of_which_each_brief_frame_shows_a_slit_is_seen_whole(form: str) -> None:
    whole = images.photograph(96, 96)
    slits = [Image.new("RGB", whole.size) for _ in range(8)]
    for number, slit in enumerate(slits):
        box = (number * 12, 0, number * 12 + 12, 96)
        slit.paste(whole.crop(box), box)
    quick, slow = (views(images.animated(slits * 2, form, duration=duration)) for duration in (20, 100))
    wanted = views(images.encoded(whole))[0].ravel()
    likeness = [[float(np.corrcoef(view.ravel(), wanted)[0, 1]) for view in each] for each in (quick, slow)]
    assert max(likeness[0]) > 0.9
    assert max(likeness[1]) < 0.6, "as seen as it is shown: one slit after the other"


def test_an_animation_of_more_pictures_than_max_frames_is_seen_whole_within_the_views() -> None:
    draw = np.random.default_rng(1)
    pictures = [Image.fromarray(draw.integers(0, 256, (6, 6, 3), np.uint8)).resize((48, 48), 0) for _ in range(24)]
    animation = images.animated(pictures, "WEBP", duration=50, lossless=True)
    decoder = PillowDecoder(spec(), coverage="centre", max_frames=8, max_views=32)
    seen = decoder.decode(animation)
    assert (seen.frames, seen.unseen) == (24, 0)
    fewer = PillowDecoder(spec(), coverage="centre", max_frames=8, max_views=12).decode(animation)
    assert fewer.frames == len(fewer.pixels) == 12
    assert fewer.unseen == 12


def test_a_short_animation_is_looked_at_frame_by_frame() -> None:
    decoded = PillowDecoder(spec()).decode(images.long_gif(5))
    assert decoded.frames == 5


def test_the_same_bytes_give_the_same_views() -> None:
    gif = images.long_gif(60)
    assert np.array_equal(views(gif), views(gif))


@pytest.mark.parametrize("size", [(2000, 400), (400, 2000), (3000, 1000), (1000, 1999), (1300, 600)])
def test_nothing_of_a_panorama_is_out_of_sight(size: tuple[int, int]) -> None:
    """A red spot anywhere along the long side shows in some view, squashed by a third at most."""
    width, height = size
    ordinary = max(size) / min(size) < 2
    for step in range(9):
        still = images.flat(images.BLUE, size)
        side = min(size) // 2
        at, top = (width - side) * step // 8, (height - side) * step // 8
        still.paste(images.RED, (at, top, at + side, top + side))
        seen = views(images.encoded(still)).astype(int)
        assert 1 <= len(seen) <= 9
        red = (np.abs(seen - images.RED).max(axis=-1) < 40).sum(axis=(1, 2))
        assert ordinary or red.max() >= 0.18 * 64 * 64


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1), (40, 20_000), (20_000, 7)])
def test_a_strip_is_folded_into_tiles_that_hold_all_of_it(size: tuple[int, int]) -> None:
    """A stretch of a hundredth of the strip, anywhere, leaves its mark; the number of views stays bounded."""
    long = max(size)
    for start in [0, long // 3, long // 2, long - long // 100]:
        levels = np.zeros((size[1], size[0], 3), np.uint8)
        stretch = slice(start, start + long // 100)
        levels[(slice(None), stretch) if size[0] == long else stretch] = 255
        seen = views(images.encoded(Image.fromarray(levels)))
        assert len(seen) == 9
        assert seen[1:].max() >= 200


def test_the_name_says_how_pixels_were_made() -> None:
    its = spec((48, 80), "bilinear", "squash")
    assert PillowDecoder(spec()).name == "fast-64-bicubic-whole"
    assert PillowDecoder(spec(), coverage="close").name == "fast-64-bicubic-close"
    assert PillowDecoder(its, coverage="centre").name == "fast-80x48-bilinear-squash"
    assert PillowDecoder(its, preprocess="exact").name == "exact-80x48-bilinear-squash"


def test_threads_may_share_a_decoder() -> None:
    decoder = PillowDecoder(spec())
    photographs = [images.encoded(images.photograph(300, 200, seed), "JPEG") for seed in range(8)]
    alone = [decoder.decode(each).pixels for each in photographs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: decoder.decode(each).pixels, photographs * 4))
    assert all(np.array_equal(one, other) for one, other in zip(alone * 4, together, strict=True))


WIDE = [(1920, 1080), (1080, 1920), (1024, 768), (1500, 1000), (1000, 1500), (2000, 1000), (300, 170)]


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", WIDE)
def test_whoever_puts_it_at_the_edge_shows_it_to_the_model(size: tuple[int, int], form: str) -> None:
    """A red spot in each corner and at the middle of each side of a picture is seen, in all of its area."""
    width, height = size
    side, plain = min(size) // 5, images.photograph(*size)
    for x in (0, (width - side) // 2, width - side):
        for y in (0, (height - side) // 2, height - side):
            still = plain.copy()
            still.paste((255, 0, 0), (x, y, x + side, y + side))
            seen = views(images.encoded(still, form, quality=95, compress_level=1)).astype(int)
            red = ((seen[..., 0] > 180) & (seen[..., 1:].max(axis=-1) < 80)).sum(axis=(1, 2)).max()
            assert red >= 0.75 * (64 / 5) ** 2 * 0.7, (x, y)


def test_an_ordinary_photograph_has_one_view_and_a_wide_one_two() -> None:
    assert len(views(images.encoded(images.photograph(1024, 768), "JPEG"))) == 1
    assert len(views(images.encoded(images.photograph(768, 1024), "JPEG"))) == 1
    assert len(views(images.encoded(images.photograph(1920, 1080), "JPEG"))) == 2
    assert len(views(images.encoded(images.photograph(1920, 1080), "JPEG"), coverage="centre")) == 1


@pytest.mark.parametrize("shown", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_what_stands_in_a_frame_is_seen_as_without(form: str, shown: float) -> None:
    """Also where it is so small that the JPEG must be decoded once more, at a larger scale."""
    still = images.photograph(1600, 1200).resize((round(1600 * shown), round(1200 * shown)))
    framed = images.flat((18, 18, 22), (1600, 1200))
    framed.paste(still, ((1600 - still.width) // 2, (1200 - still.height) // 2))
    seen, bare = (views(images.encoded(each, form, quality=95))[0].astype(int) for each in (framed, still))
    assert np.abs(seen - bare).mean() < 9


def test_the_pictures_of_a_collage_have_views_of_their_own() -> None:
    parts = [images.photograph(400, 300, seed) for seed in range(4)]
    whole = images.flat((0, 0, 0), (800, 600))
    for number, part in enumerate(parts):
        whole.paste(part, ((number % 2) * 400, (number // 2) * 300))
    seen = views(images.encoded(whole, "JPEG", quality=95)).astype(int)
    assert len(seen) == 5
    for part in parts:
        own = views(images.encoded(part))[0].astype(int)
        assert np.abs(seen - own).mean(axis=(1, 2, 3)).min() < 9


def test_a_strangers_borders_are_seen_over_black_and_over_white_alike() -> None:
    """A sticker with much room around it: both of its views are of the sticker."""
    sticker = Image.new("RGBA", (900, 900))
    sticker.paste(images.on_nothing((250, 250, 250)), (400, 100))
    seen = views(images.encoded(sticker)).astype(int)
    assert len(seen) == 2
    assert (seen[0].max(axis=-1) > 200).mean() > 0.2
