"""The decoder with a device answers as Pillow does: the same pixels to a model, the same reasons, the same kinds.

On the CPU always, through the very calls that reach nvJPEG where there is a CUDA device; then on that device too.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import torch

from pipeline.adapters.nvjpeg import NvjpegDecoder, cuda_device
from pipeline.adapters.open_clip import load_encoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import SettingsError
from pipeline.items import Pixels
from pipeline.ports import Decoded, EncoderSpec
from pipeline.rules.images.views import Coverage
from tests import images
from tests.adapters.open_clip.test_encoder import needs_bundled
from tests.adapters.pillow.test_decoder import spec
from tests.adapters.pillow.test_fast import JPEGS, LEAST_COSINE, photograph
from tests.adapters.pillow.test_hostile import VALID

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
STILL = images.photograph(160, 120)


class Watched(PillowDecoder):
    """Pillow's decoder, which counts what is left to it."""

    asked = 0

    def decode(self, image: bytes) -> Decoded:
        self.asked += 1
        return super().decode(image)


def decoders(device: str = "cpu", its: EncoderSpec | None = None, **options: int) -> tuple[NvjpegDecoder, Watched]:
    its = its or spec()
    pillow = Watched(its, preprocess="exact", **options)
    return NvjpegDecoder(its, pillow, device=torch.device(device), coverage="centre", **options), pillow


def covering(its: EncoderSpec | None = None, coverage: Coverage = "whole") -> tuple[NvjpegDecoder, Watched]:
    """Both with every part of a still in view, as by default."""
    its = its or spec()
    pillow = Watched(its, coverage=coverage)
    return NvjpegDecoder(its, pillow, device=torch.device("cpu"), coverage=coverage), pillow


@cache
def on(device: str) -> tuple[NvjpegDecoder, Watched]:
    return decoders(device)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Torch's threads wait for each other at every operation; images this small are done sooner by one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=DEVICES)
def both(request: pytest.FixtureRequest) -> tuple[NvjpegDecoder, PillowDecoder]:
    """The decoder with a device, and the one it must agree with."""
    return on(request.param)[0], PillowDecoder(spec(), preprocess="exact")


def off_by(one: Pixels, other: Pixels) -> float:
    assert one.shape == other.shape
    assert one.dtype == other.dtype == np.uint8
    return float(np.abs(one.astype(int) - other).mean())


PLAIN = {
    "colour": images.encoded(STILL, "JPEG"),
    "grey": images.encoded(STILL.convert("L"), "JPEG"),
    "progressive": images.encoded(STILL, "JPEG", progressive=True),
    "progressive grey": images.encoded(STILL.convert("L"), "JPEG", progressive=True),
    "4:4:4": images.encoded(STILL, "JPEG", subsampling=0),
    "4:2:2": images.encoded(STILL, "JPEG", subsampling=1),
    "restart marks": images.encoded(STILL, "JPEG", restart_marker_rows=1),
    "smaller than the model takes": images.encoded(images.photograph(40, 31), "JPEG"),
    "with more behind it": images.encoded(STILL, "JPEG") + images.encoded(STILL.rotate(180), "JPEG"),
    "a stereo pair": images.animated([images.corners(), images.flat(images.BLUE, (128, 96))], "MPO"),
}
OTHERS = {
    **{name: VALID[name] for name in ("cmyk", "png", "palette", "apng", "webp", "gif", "bmp", "avif")},
    "components that are RGB": images.encoded(STILL, "JPEG", keep_rgb=True),
    "panorama": images.encoded(images.photograph(300, 100), "JPEG"),
    "strip": images.encoded(images.photograph(8, 900), "JPEG"),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("device", DEVICES)
def test_a_plain_jpeg_is_decoded_on_the_device(name: str, device: str) -> None:
    decoder, pillow = on(device)
    before = pillow.asked
    decoded = decoder.decode(PLAIN[name])
    assert pillow.asked == before
    assert decoded.frames == 1
    assert off_by(decoded.pixels, pillow.decode(PLAIN[name]).pixels) < 3


@pytest.mark.parametrize("name", OTHERS)
def test_everything_else_is_left_to_pillow(name: str, both: tuple[NvjpegDecoder, PillowDecoder]) -> None:
    """So it is the same to the last bit: formats, animations, CMYK, and what has several views."""
    decoder, pillow = both
    mine, its = decoder.decode(OTHERS[name]), pillow.decode(OTHERS[name])
    assert mine.frames == its.frames
    assert np.array_equal(mine.pixels, its.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int, both: tuple[NvjpegDecoder, PillowDecoder]) -> None:
    decoder, _ = both
    upright = decoder.decode(images.encoded(images.corners(), "JPEG", quality=95)).pixels
    turned = images.turned(images.corners(), orientation, quality=95)
    assert off_by(decoder.decode(turned).pixels, upright) < 3


def test_exif_that_cannot_be_read_turns_nothing(both: tuple[NvjpegDecoder, PillowDecoder]) -> None:
    decoder, pillow = both
    plain = PLAIN["colour"]
    for body in (b"Exif\x00\x00", b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", b"Exif\x00\x00" + bytes(40), b"http://x"):
        broken = plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
        assert off_by(decoder.decode(broken).pixels, pillow.decode(broken).pixels) < 3


ROUND = {
    "ordinary": (640, 480),
    "upright": (480, 640),
    "wide": (1280, 720),
    "telephone": (540, 1170),
    "panorama": (1500, 500),
    "odd": (641, 479),
}


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("coverage", ["whole", "close"])
@pytest.mark.parametrize("name", ROUND)
def test_the_device_makes_the_views_that_pillow_makes(name: str, coverage: Coverage, mode: str) -> None:
    """As many, of the same parts, whatever their shape; and none of them is left to Pillow."""
    decoder, pillow = covering(spec(mode=mode), coverage)
    jpeg = images.encoded(images.soft(*ROUND[name]), "JPEG", quality=95)
    mine = decoder.decode(jpeg).pixels
    assert pillow.asked == 0
    assert off_by(mine, pillow.decode(jpeg).pixels) < 6


def test_what_has_borders_panels_or_folds_is_left_to_pillow() -> None:
    framed, collage = images.flat((0, 0, 0), (640, 480)), images.flat((0, 0, 0), (640, 480))
    framed.paste(images.photograph(320, 240), (160, 120))
    for number in range(4):
        collage.paste(images.photograph(320, 240, number), ((number % 2) * 320, (number // 2) * 240))
    strip = images.photograph(900, 40)
    decoder, pillow = covering()
    for asked, still in enumerate([framed, collage, strip], start=1):
        jpeg = images.encoded(still, "JPEG", quality=95)
        assert np.array_equal(decoder.decode(jpeg).pixels, pillow.decode(jpeg).pixels)
        assert pillow.asked == 2 * asked


SIZES = [(640, 427), (65, 100), (451, 899), (301, 300), (1, 1)]
SIZED = [images.encoded(images.photograph(*size), "JPEG", quality=95) for size in SIZES]


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("target", [64, 224, (48, 80)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_every_way_to_resize_is_open_clips(mode: str, target: int | tuple[int, int], interpolation: str) -> None:
    """On stills of many sizes, also where the blocks that are averaged first do not divide them."""
    decoder, pillow = decoders(its=spec(target, interpolation, mode))
    pillow_alone = PillowDecoder(spec(target, interpolation, mode), preprocess="exact")
    for jpeg in SIZED:
        mine = decoder.decode(jpeg).pixels
        assert pillow.asked == 0
        assert off_by(mine, pillow_alone.decode(jpeg).pixels) < 1.5


def test_threads_share_a_decoder_and_get_their_own_pixels() -> None:
    decoder, _ = decoders()
    photographs = [images.encoded(images.photograph(300, 200, seed), "JPEG") for seed in range(8)]
    alone = [decoder.decode(each).pixels for each in photographs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: decoder.decode(each).pixels, photographs * 4))
    assert all(np.array_equal(one, other) for one, other in zip(alone * 4, together, strict=True))


@needs_bundled
def test_photographs_look_the_same_to_the_bundled_model() -> None:
    """Against exact preprocessing, in colour and grey, on every device there is."""
    encoder = load_encoder("bundled", device="cpu", dtype="float32", threads=1)
    exact = PillowDecoder(encoder.spec, preprocess="exact")
    jpegs = [photograph(name, grey=False) for name in JPEGS if name != "panorama"] + [photograph("small", grey=True)]
    expected = encoder.encode_images(np.concatenate([exact.decode(each).pixels for each in jpegs]))
    for device in DEVICES:
        decoder, pillow = decoders(device, encoder.spec)
        features = encoder.encode_images(np.concatenate([decoder.decode(each).pixels for each in jpegs]))
        assert pillow.asked == 0
        cosines = (features * expected).sum(axis=1)
        print(f"{device}: cosine {cosines.min():.5f} to {cosines.max():.5f}")  # noqa: T201
        assert cosines.min() >= LEAST_COSINE


def test_the_name_says_how_pixels_were_made() -> None:
    fast = PillowDecoder(spec(224))
    assert NvjpegDecoder(spec(224), fast, device=torch.device("cpu")).name == "nvjpeg+fast-224-bicubic-whole"


@pytest.mark.parametrize("device", ["cpu", "mps", "cuda:99", "gpu"])
def test_a_device_without_nvjpeg_is_one_line_that_says_what_to_do(device: str) -> None:
    with pytest.raises(SettingsError, match=f"needs a CUDA device, and --device {device} gives none") as refused:
        cuda_device(device)
    assert str(refused.value).endswith("use --jpeg-decoder pillow")
    assert "\n" not in str(refused.value)


def test_a_device_that_cannot_decode_says_so_at_the_start() -> None:
    with pytest.raises(
        SettingsError, match=r"^JPEGs cannot be decoded on cuda:99 \(.*\): use --jpeg-decoder pillow$"
    ):
        NvjpegDecoder(spec(), PillowDecoder(spec()), device=torch.device("cuda:99"))
