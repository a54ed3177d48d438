"""Tricks: each makes a file that a viewer can open, makes the same one from the same seed, and hides what it says."""

from __future__ import annotations

import ast
import re
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageChops

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import UsageError
from pipeline.lab import evasion
from pipeline.lab.evasion.opening import LARGEST, shown, thumbnail
from pipeline.lab.evasion.profiles import turned_profile
from pipeline.lab.evasion.registry import CONTROL, TRICKS, chosen
from pipeline.lab.evasion.trick import Trick
from pipeline.ports import EncoderSpec
from pipeline.rules.images.formats import ACCEPTED, sniff
from tests import images

SPEC = EncoderSpec("tiny", "f" * 8, "float32", (64, 64), (0.5,), (0.5,), "bicubic", "shortest", 7, 77, 10.0, None)
PICTURE = images.photograph(160, 120)
OTHERS = tuple(images.photograph(100, 90, seed) for seed in (1, 2))
EVERY = [(trick, strength) for trick in TRICKS for strength in trick.strengths]


def named(name: str) -> Trick:
    (trick,) = chosen([name])
    return trick


def played(name: str, strength: float | None = None, picture: Image.Image = PICTURE) -> bytes:
    trick = named(name)
    return trick.apply(picture, OTHERS, trick.strengths[-1] if strength is None else strength, "seed")


def opened(image: bytes) -> Image.Image:
    still = Image.open(BytesIO(image))
    still.load()
    return still


def frames(image: bytes) -> list[NDArray[np.uint8]]:
    with Image.open(BytesIO(image)) as film:
        found = []
        for index in range(film.n_frames):
            film.seek(index)
            found.append(np.asarray(film.convert("RGB")))
        return found


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean difference of two pictures, in levels of 255."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.mark.parametrize(("trick", "strength"), EVERY, ids=lambda each: getattr(each, "name", f"{each}"))
def test_a_trick_makes_a_file_that_the_path_takes_and_the_same_one_again(trick: Trick, strength: float) -> None:
    image = trick.apply(PICTURE, OTHERS, strength, "seed")
    assert trick.apply(PICTURE.copy(), OTHERS, strength, "seed") == image
    assert sniff(image) in ACCEPTED
    assert PillowDecoder(SPEC).decode(image).pixels.any()
    assert thumbnail(image, 64).size <= (64, 64)


@given(
    st.sampled_from(EVERY),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 3),
    st.text(max_size=5),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_picture_of_any_size_can_be_hidden_with_any_number_of_others(
    which: tuple[Trick, float], width: int, height: int, others: int, seed: str
) -> None:
    trick, strength = which
    picture = PICTURE.resize((width, height))
    image = trick.apply(picture, (OTHERS[0],) * others, strength, seed)
    assert min(opened(image).size) >= 1
    assert picture.tobytes() == PICTURE.resize((width, height)).tobytes(), "what it was handed is as it was"


def test_another_seed_draws_otherwise() -> None:
    trick = named("place-corner")
    assert trick.apply(PICTURE, OTHERS, 0.25, "a") != trick.apply(PICTURE, OTHERS, 0.25, "b")


def test_the_registry_has_a_line_for_every_trick_that_is_written() -> None:
    """Whatever takes a picture and what lies aside, or makes a function that does, stands there."""
    folder = Path(evasion.__file__).parent
    said = (folder / "registry.py").read_text()
    unused = []
    for module in folder.glob("*.py"):
        for function in ast.parse(module.read_text()).body:
            if not isinstance(function, ast.FunctionDef) or function.name.startswith("_"):
                continue
            makes_files = function.returns is not None and ast.unparse(function.returns) == "Make"
            takes = [argument.arg.lstrip("_") for argument in function.args.args]
            if (makes_files or takes[:2] == ["picture", "aside"]) and f"{module.stem}.{function.name}" not in said:
                unused.append(f"{module.stem}.{function.name}")
    assert unused == []


def test_names_are_told_apart_and_strengths_rise_in_what_they_say() -> None:
    assert len({trick.name for trick in TRICKS}) == len(TRICKS)
    assert TRICKS[0].name == CONTROL
    for trick in TRICKS:
        assert re.fullmatch("[a-z]+(-[a-z]+)+", trick.name)
        assert len(set(trick.strengths)) == len(trick.strengths) >= 1
        assert ("{}" in trick.says) == (trick.strengths != (1.0,)), trick.name
        assert "{" not in trick.words(trick.strengths[0])


def test_tricks_are_chosen_by_name_family_and_pattern_and_a_slip_is_told() -> None:
    assert [trick.name for trick in chosen(["turn-mirror"])] == ["turn-mirror"]
    assert {trick.family for trick in chosen(["frame", "slits"])} == {"frame", "slits"}
    assert {trick.name for trick in chosen(["*-plain"])} == {"place-corner-plain", "place-edge-plain"}
    assert chosen([]) == TRICKS
    with pytest.raises(UsageError, match="did you mean 'turn-mirror'"):
        chosen(["turn-miror"])
    with pytest.raises(UsageError, match="--list"):
        chosen(["xyzzy"])


@pytest.mark.parametrize(("name", "form", "count"), [("frame-gif", "GIF", 24), ("frame-apng", "PNG", 24)])
def test_one_frame_shows_the_picture_and_stays_and_the_decoys_all_differ(name: str, form: str, count: int) -> None:
    film = Image.open(BytesIO(played(name)))
    assert (film.format, film.n_frames) == (form, count)
    small = np.asarray(PICTURE.resize(film.size))
    shows = [apart(frame, small) < 20 for frame in frames(played(name))]
    assert shows.count(True) == 1
    durations = []
    for index in range(count):
        film.seek(index)
        durations.append(film.info["duration"])
    assert durations.index(max(durations)) == shows.index(True)
    assert 0 < shows.index(True) < count - 1
    assert len({frame.tobytes() for frame in frames(played(name))}) == count


def test_the_early_and_the_last_frame_stand_where_they_are_said_to() -> None:
    for name, at in (("frame-second", 1), ("frame-last", 23)):
        found = frames(played(name))
        small = np.asarray(PICTURE.resize((found[0].shape[1], found[0].shape[0])))
        assert min(range(len(found)), key=lambda index: apart(found[index], small)) == at


@pytest.mark.parametrize(("name", "count"), [("slits-upright", 8), ("slits-level", 8), ("slits-comb", 4)])
def test_no_frame_has_the_whole_picture_and_all_together_have(name: str, count: int) -> None:
    found = np.stack(frames(played(name)))
    assert len(found) == count
    lit = (found.max(axis=-1) > 40).mean(axis=(1, 2))
    assert lit.max() < 1.5 / count, "a slit is its share of the picture"
    together = Image.fromarray(found.max(axis=0))
    assert apart(np.asarray(together), np.asarray(PICTURE.resize(together.size))) < 25


def test_slits_of_a_chessboard_make_up_the_picture_exactly() -> None:
    first, second = frames(played("slits-chess"))
    assert np.array_equal(first + second, np.asarray(PICTURE.resize((144, 144))))


def on(ground: str, image: bytes) -> NDArray[np.uint8]:
    still = opened(image).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", still.size, ground), still).convert("L"))


def test_what_shows_on_black_is_nothing_on_white_and_the_other_way_round() -> None:
    grey = np.asarray(PICTURE.convert("L"))
    assert apart(on("black", played("alpha-on-black", 1)), grey) < 2
    assert np.ptp(on("white", played("alpha-on-black", 1))) == 0
    assert apart(on("white", played("alpha-on-white", 1)), grey) < 2
    assert np.ptp(on("black", played("alpha-on-white", 1))) == 0


def test_the_two_faced_picture_is_itself_on_black_and_another_on_white() -> None:
    grey = np.asarray(PICTURE.convert("L")).astype(float)
    image = played("alpha-two-faced", 0.5)
    assert apart(on("black", image), grey * 0.5) < 3
    others = [np.asarray(each.resize(PICTURE.size).convert("L")) * 0.5 + 127.5 for each in OTHERS]
    assert min(apart(on("white", image), each) for each in others) < 3


def test_a_profile_and_a_gamma_put_the_picture_right_for_viewers_and_for_the_path() -> None:
    plain = PillowDecoder(SPEC).decode(played(CONTROL)).pixels[0]
    for name, allowed in (("profile-swapped", 10), ("profile-dark", 8)):
        image = played(name)
        assert apart(np.asarray(opened(image).convert("RGB")), np.asarray(PICTURE)) > 20, "stored otherwise"
        assert apart(PillowDecoder(SPEC).decode(image).pixels[0], plain) < allowed
        assert apart(np.asarray(thumbnail(image, 160)), np.asarray(PICTURE)) < allowed


def test_a_profile_does_not_say_when_it_was_made() -> None:
    """LittleCMS writes the time of day into it: the same seed would make other bytes a second later."""
    assert struct.unpack(">6H", turned_profile()[24:36]) == (2000, 1, 1, 0, 0, 0)


def test_borders_leave_the_share_that_they_say() -> None:
    image = opened(played("border-white", 0.5)).convert("RGB")
    assert image.size == (320, 240)
    assert apart(np.asarray(image.crop((80, 60, 240, 180))), np.asarray(PICTURE)) < 8
    bars = opened(played("bars-above", 0.5))
    assert bars.size == (160, 240)


def test_a_small_picture_stands_in_a_corner() -> None:
    image = opened(played("place-corner-plain", 0.25)).convert("L")
    left, top, right, bottom = ImageChops.invert(image).point(lambda level: 255 * (level > 40)).getbbox() or ()
    wide, high = image.size
    assert (left < 16) != (right > wide - 16)
    assert (top < 16) != (bottom > high - 16)
    assert (right - left) == pytest.approx(wide * 0.25, abs=16)


def test_turning_back_gives_the_picture() -> None:
    quarter = opened(played("turn-quarter", 90)).transpose(Image.Transpose.ROTATE_270)
    assert apart(np.asarray(quarter), np.asarray(PICTURE)) < 8
    mirrored = opened(played("turn-mirror")).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert apart(np.asarray(mirrored), np.asarray(PICTURE)) < 8


def test_a_sample_is_opened_as_a_viewer_shows_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert shown(images.encoded(PICTURE, "JPEG", exif=exif.tobytes())).size == (120, 160)
    assert max(shown(images.encoded(images.photograph(2000, 900), "JPEG")).size) == LARGEST
    light = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    light.paste((255, 255, 255, 255), (5, 5, 15, 15))
    assert shown(images.encoded(light)).getpixel((0, 0)) == (0, 0, 0), "white things stand on black"
    swapped = played("profile-swapped")
    assert apart(np.asarray(shown(swapped)), np.asarray(PICTURE)) < 10
    film = played("frame-last")
    assert apart(np.asarray(shown(film, 23)), np.asarray(PICTURE.resize((144, 144)))) < 20
