"""A folder of drawings is read; what cannot be used is named with its file, and nothing outside it is looked at."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import resvg_py
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import UsageError
from pipeline.lab.hands.folder import SIZE, Hand, read_hand
from pipeline.lab.hands.naming import thing_of
from pipeline.lab.hands.renderer import Renderer
from pipeline.lab.hands.svg import DrawingError, check, render
from pipeline.lab.scenes.lexicon import index_of, load_lexicon
from tests.images import encoded, flat

KNIFE, DOG = index_of("kitchen knife"), index_of("dog")
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 20">{}</svg>'
)
RED = '<rect width="10" height="20" fill="red"/>'


@pytest.mark.parametrize(
    "name",
    [
        *("1f52a", "1F52A", "u1f52a", "U+1F52A", "emoji_u1f52a", "1f52a-fe0f", "0x1f52a", "\U0001f52a\ufe0f"),
        *("kitchen-knife", "kitchen_knife", "Kitchen knife", "KITCHEN-KNIFE", " kitchen  knife "),
    ],
)
def test_a_drawing_is_named_by_code_point_or_name(name: str) -> None:
    assert thing_of(name) == KNIFE


@pytest.mark.parametrize(
    "name", ["", "knife3", "1f52a-1f3ff", "1f468-200d-1f373", "10ffff", "a", "sticker", "u", "-"]
)
def test_a_name_that_says_no_emoji_of_the_lexicon_says_none(name: str) -> None:
    assert thing_of(name) is None


def test_every_emoji_is_known_by_its_code_point_and_all_but_namesakes_by_their_name() -> None:
    lexicon = load_lexicon()
    assert [thing_of(f"{ord(emoji.char):x}") for emoji in lexicon] == list(range(len(lexicon)))
    known = [thing_of(emoji.name.replace(" ", "-")) for emoji in lexicon]
    assert sum(found == index for index, found in enumerate(known)) > 0.99 * len(lexicon)


@given(st.text())
def test_any_name_is_an_emoji_or_none(name: str) -> None:
    found = thing_of(name)
    assert found is None or 0 <= found < len(load_lexicon())


BAD = {
    "script": (SVG.format("<script>alert(1)</script>"), "a script"),
    "handler": (SVG.format('<rect onload="x()" width="1" height="1"/>'), "a script (onload)"),
    "web": (
        SVG.format('<image href="http://127.0.0.1:9/a.png" width="9" height="9"/>'),
        "refers to something outside",
    ),
    "beside": (SVG.format('<image xlink:href="other.png" width="9" height="9"/>'), "refers to something outside"),
    "file": (SVG.format('<image href="file:///etc/passwd" width="9" height="9"/>'), "refers to something outside"),
    "use": (SVG.format('<use href="other.svg#a"/>'), "refers to something outside"),
    "nested": (SVG.format('<image href="data:image/svg+xml;base64,AAAA"/>'), "refers to something outside"),
    "fill": (SVG.format('<rect fill="url(http://127.0.0.1/a.svg#b)" width="9" height="9"/>'), "refers to something"),
    "import": (SVG.format('<style>@import "http://127.0.0.1/a.css";</style>' + RED), "whose style refers"),
    "styled": (SVG.format("<style>rect{fill:url('a.svg#b')}</style>" + RED), "whose style refers"),
    "escaped": (SVG.format('<style>@\\69mport "a.css";</style>' + RED), "spells characters by numbers"),
    "sheet": ('<?xml-stylesheet href="a.css"?>' + SVG.format(RED), "refers to something outside"),
    "later": (
        SVG.format('<image><set attributeName="xlink:href" to="other.png"/></image>'),
        "refers to something outside",
    ),
    "foreign": (SVG.format("<foreignObject><p>hi</p></foreignObject>"), "a foreign object"),
    "entity": ('<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format(RED), "entities of its own"),
    "broken": ("<svg", "a broken SVG"),
    "html": ("<html/>", "no SVG: its outermost element is html"),
}


NO_ANSWER = "the renderer was asked to draw it"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that must not be asked: it would follow a reference to a file."""

    def refuse(**_: object) -> None:
        raise AssertionError(NO_ANSWER)

    monkeypatch.setattr(resvg_py, "svg_to_bytes", refuse)


def test_what_cannot_be_used_is_named_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "stickers"
    folder.mkdir()
    (folder / "kitchen-knife.png").write_bytes(encoded(flat((250, 10, 10))))
    (folder / "1f436.svg").write_text(SVG.format(RED))
    (folder / "1f52a.svg").write_text(SVG.format(RED))
    (folder / "my-sticker.png").write_bytes(encoded(flat((1, 2, 3))))
    (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (folder / "readme.txt").write_text("no drawing")
    (folder / "fox.svg").symlink_to(folder / "nowhere.svg")
    hand = read_hand(folder)
    dog_face = thing_of("1f436")
    assert dog_face is not None
    assert set(hand.things) == {KNIFE, dog_face}
    reasons = {Path(line.split(": ")[0]).name: line.split(": ", 1)[1] for line in hand.left_out}
    assert reasons == {
        "cat.png": reasons["cat.png"],
        "fox.svg": "No such file or directory",
        "kitchen-knife.png": "kitchen knife is drawn by 1f52a.svg already",
        "my-sticker.png": reasons["my-sticker.png"],
    }
    assert reasons["cat.png"].startswith("a broken PNG")
    assert reasons["my-sticker.png"].startswith("its name says no known emoji")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kind", BAD)
def test_an_svg_that_asks_for_more_than_itself_is_never_drawn(kind: str) -> None:
    text, said = BAD[kind]
    with pytest.raises(DrawingError) as error:
        render(text.encode(), 16)
    assert said in str(error.value)


def test_svgs_that_ask_for_more_than_themselves_are_named_and_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "other.png")
    points = [f"{ord(emoji.char):x}" for at, emoji in enumerate(load_lexicon()) if at != KNIFE]
    expected = dict(zip(points, BAD.values(), strict=False))
    for name, (text, _) in expected.items():
        (tmp_path / f"{name}.svg").write_text(text)
    (tmp_path / "1f52a.svg").write_text(SVG.format(RED))
    hand = read_hand(tmp_path)
    assert hand.things == (KNIFE,)
    for name, (_, said) in expected.items():
        assert any(f"/{name}.svg: " in line and said in line for line in hand.left_out), name


HANGS = SVG.format(
    '<filter id="f" x="0" y="0" width="1" height="1"><feTurbulence numOctaves="1000000000" baseFrequency="0.1"/>'
    '</filter><rect width="8" height="8" filter="url(#f)"/>'
)
CRASHES = SVG.format('<g opacity="0.99">' * 19_000 + RED + "</g>" * 19_000)


def test_a_drawing_that_hangs_or_crashes_the_renderer_costs_itself_alone() -> None:
    with Renderer(16, patience=5.0) as renderer:
        red = renderer.render(SVG.format(RED).encode()).getpixel((1, 1))
        with pytest.raises(DrawingError, match="more than 5 s to draw"):
            renderer.render(HANGS.encode())
        with pytest.raises(DrawingError, match="crashes the renderer"):
            renderer.render(CRASHES.encode())
        assert renderer.render(SVG.format(RED).encode()).getpixel((1, 1)) == red


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda rubbish: SVG.encode().replace(b"{}", rubbish)))
def test_any_bytes_are_drawn_or_refused(data: bytes) -> None:
    with suppress(DrawingError):
        assert render(data, 16).size == (16, 16)


def test_a_drawing_is_as_large_as_fits_in_the_middle() -> None:
    picture = render(SVG.format(RED).encode(), 64)
    assert (picture.size, picture.getbbox()) == ((64, 64), (16, 0, 48, 64))
    assert picture.getpixel((32, 32)) == (255, 0, 0, 255)


def test_a_drawing_of_nothing_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "dog.svg").write_text(SVG.format(""))
    with pytest.raises(UsageError, match="nothing can be seen in it"):
        read_hand(tmp_path)


def test_an_svg_of_its_own_parts_alone_may_refer_to_them() -> None:
    inside = '<defs><linearGradient id="g"><stop stop-color="red"/></linearGradient></defs>'
    text = SVG.format(inside + '<rect id="r" width="4" height="4" fill="url(#g)"/><use href="#r" x="5"/>')
    assert check(text.encode()) == text


@pytest.mark.parametrize("where", ["url(#a)", "url( #a )", "url( '#a' )", 'url( "#a")'])
def test_a_paint_of_its_own_may_stand_between_blanks_and_quotes(where: str) -> None:
    paint = '<linearGradient id="a"><stop stop-color="red"/></linearGradient>'
    quoted = where.replace('"', "&quot;")
    check(SVG.format(f'{paint}<rect width="9" height="9" fill="{quoted}"/>').encode())
    with pytest.raises(DrawingError, match="refers to something outside"):
        check(SVG.format(f'<rect fill="{quoted.replace("#a", "b.svg#a")}"/>').encode())


def test_a_png_of_16_bits_is_drawn_in_all_its_greys(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, SIZE, dtype=np.uint16), (SIZE, 1))
    Image.fromarray(ramp).save(tmp_path / "dog.png")
    drawn = read_hand(tmp_path).atlas.levels[0][DOG, 0]
    assert len(drawn.unique()) > 100
    assert 100 < drawn.float().mean() < 150


def test_a_folder_that_holds_no_drawing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \.svg and no \.png file in it"):
        read_hand(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        read_hand(tmp_path / "nowhere")


def test_a_hand_is_known_again_by_its_drawings(tmp_path: Path) -> None:
    def hand(colour: tuple[int, int, int]) -> Hand:
        (tmp_path / "dog.png").write_bytes(encoded(flat(colour)))
        return read_hand(tmp_path)

    one, same, other = hand((9, 9, 9)), hand((9, 9, 9)), hand((200, 9, 9))
    assert one.digest == same.digest != other.digest
    assert one.things == (DOG,)
    assert one.atlas.levels[0][DOG, 3].float().mean() > 250
    assert one.atlas.levels[0].shape[-1] == SIZE
