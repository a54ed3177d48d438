"""SVG files drawn anew look otherwise, show the same, and ask for nothing that they did not ask for."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.hands.anew import drawn_anew
from pipeline.lab.hands.folder import read_hand
from pipeline.lab.hands.paints import colour, gradients, hexadecimal, opacity
from pipeline.lab.hands.svg import DrawingError, check, render
from pipeline.lab.scenes.lexicon import index_of
from tests.images import encoded, flat

SIZE = 48
FLAG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 36 36">{}</svg>'
)
FACE = FLAG.format(
    '<g fill="#ffcc4d"><circle cx="18" cy="18" r="17"/><path fill="#664500" d="M9 12h5v5H9zM22 12h5v5h-5z"/></g>'
    '<path style="fill:none;stroke:#664500;stroke-width:2" d="M9 25c6 4 12 4 18 0"/>'
)
HEART = FLAG.format('<path fill="#dd2e44" d="M18 33C5 22 2 15 6 9s10-2 12 3c2-5 8-9 12-3s1 13-12 24"/>')
SHINY = FLAG.format(
    '<defs><linearGradient id="shine"><stop stop-color="#fff" stop-opacity="0"/><stop stop-color="#000" '
    'stop-opacity=".4"/></linearGradient><linearGradient id="red"><stop offset="0" style="stop-color:#f00"/>'
    '<stop offset="1" stop-color="#800000"/></linearGradient><radialGradient id="same" xlink:href="#red"/></defs>'
    '<rect width="36" height="36" fill="url(#same)"/><rect width="36" height="36" fill="url(#shine)"/>'
)


def pixels(text: str) -> np.ndarray:
    return np.asarray(render(text.encode(), SIZE), dtype=np.float32) / 255


def seen(text: str) -> np.ndarray:
    """``float32[3]``: the mean colour of what is seen."""
    drawn = pixels(text)
    cover = drawn[..., 3:]
    return (drawn[..., :3] * cover).sum((0, 1)) / cover.sum()


@pytest.mark.parametrize("text", [FACE, HEART, SHINY], ids=["face", "heart", "shiny"])
def test_each_seed_is_another_drawing_of_about_the_same_place(text: str) -> None:
    before = pixels(text)[..., 3] > 0.5
    drawings = [drawn_anew(text, Random(seed)) for seed in range(12)]
    assert drawings[3] == drawn_anew(text, Random(3))
    assert len({pixels(each).tobytes() for each in drawings}) == len(drawings)
    for each in drawings:
        assert check(each.encode()) == each, "it asks for nothing outside"
        cover = pixels(each)[..., 3] > 0.5
        assert (cover & before).sum() / (cover | before).sum() > 0.5


def test_where_colours_tell_a_thing_from_others_they_stay() -> None:
    hues = [seen(drawn_anew(HEART, Random(seed), coloured=True)) for seed in range(30)]
    assert all(red > 2 * max(green, blue) for red, green, blue in hues)
    others = [seen(drawn_anew(HEART, Random(seed))) for seed in range(30)]
    assert any(red < 1.5 * green for red, green, _ in others), "elsewhere some come pale or in two tones"


def test_a_colour_becomes_the_same_wherever_it_stands() -> None:
    pair = FLAG.format('<rect width="9" height="9" fill="#0a0"/><g fill="rgb(0,170,0)"><rect x="20" width="9"/></g>')
    for seed in range(8):
        root = ET.fromstring(drawn_anew(pair, Random(seed)))
        fills = {shape.get("fill") for shape in root.iter() if shape.tag.endswith("rect")}
        assert len(fills) == 1


def test_a_gradient_is_one_colour_and_a_shine_is_not_drawn() -> None:
    found = gradients(ET.fromstring(SHINY))
    assert found == {"red": pytest.approx((0.751, 0, 0), abs=1e-3), "same": found["red"], "shine": None}
    root = ET.fromstring(drawn_anew(SHINY, Random(1), coloured=True))
    red, shine = (shape.get("fill") for shape in root.iter() if shape.tag.endswith("rect"))
    assert red == hexadecimal(found["red"] or (0, 0, 0))
    assert shine == "none"


@pytest.mark.parametrize("said", ["currentColor", "context-fill", "inherit", "var(--ink)", "#12"])
def test_a_paint_that_names_no_colour_stays(said: str) -> None:
    text = FLAG.format(f'<rect width="20" height="20" fill="{said}" stroke="{said}"/>')
    assert f'fill="{said}"' in drawn_anew(text, Random(2))
    assert colour(said) is None


@given(st.text())
def test_any_opacity_is_read_as_a_number(said: str) -> None:
    assert isinstance(opacity(said), float)


def test_what_cannot_be_drawn_anew_says_why() -> None:
    with pytest.raises(DrawingError, match="without a size"):
        drawn_anew('<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', Random(0))
    with pytest.raises(DrawingError, match="nests too deep"):
        drawn_anew(FLAG.format("<g>" * 5_000 + "</g>" * 5_000), Random(0))


def test_a_folder_is_read_anew_and_its_png_files_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "1f600.svg").write_text(FACE)
    (tmp_path / "dog.png").write_bytes(encoded(flat((10, 200, 10))))
    plain, anew = read_hand(tmp_path), read_hand(tmp_path, anew=True)
    assert anew.things == plain.things
    assert (anew.anew, plain.anew) == (True, False)
    dog, face = index_of("dog"), next(thing for thing in plain.things if thing != index_of("dog"))
    largest = plain.atlas.levels[0], anew.atlas.levels[0]
    assert largest[0][dog].equal(largest[1][dog])
    assert not largest[0][face].equal(largest[1][face])
    assert read_hand(tmp_path, anew=True).digest == anew.digest, "the bytes of a drawing decide"


def test_a_drawing_that_cannot_be_drawn_anew_is_named(tmp_path: Path) -> None:
    (tmp_path / "1f600.svg").write_text(FACE)
    (tmp_path / "1f415.svg").write_text(FACE.replace('viewBox="0 0 36 36"', 'width="100%" height="100%"'))
    hand = read_hand(tmp_path, anew=True)
    assert [line.rsplit(": ", 1)[1] for line in hand.left_out] == ["an SVG without a size cannot be drawn anew"]
