"""Draws SVG files by resvg, which runs no script and opens no connection, after a look at what they ask for.

resvg follows references to files beside a drawing. Drawings come from strangers, so whatever refers to anything
outside the file is refused before it is drawn, and so is a script: a drawing that needs either is not what it seems.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from io import BytesIO

from PIL import Image

from pipeline.errors import UsageError

MOST_BYTES = 2_000_000
MOST_ELEMENTS = 20_000
_REFERENCES = frozenset({"href", "src"})
_OUTSIDE = re.compile(r"url\([\s'\"]*+(?!#|data:image/)|@import", re.IGNORECASE)
_ANIMATIONS = frozenset({"set", "animate"})
_FORBIDDEN = {
    "script": "a script",
    "foreignobject": "a foreign object",
    "iframe": "a frame",
    "style": "",  # looked into: an @import is a reference
}


class DrawingError(UsageError):
    """A drawing cannot be used; the message says why, and is shown after the file's name."""


def render(data: bytes, size: int) -> Image.Image:
    """RGBA, ``size`` x ``size``, the drawing as large as fits in the middle. Raises `DrawingError`."""
    import resvg_py  # noqa: PLC0415 - it comes with the extra "hands", which only folders of SVG files need

    text = check(data)
    try:
        # It fits into both. No font of this machine may get into the picture.
        png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
        return fitted(Image.open(BytesIO(bytes(png))).convert("RGBA"), size)
    except (ValueError, OSError) as error:
        raise DrawingError(f"a broken SVG ({error})") from error


def fitted(picture: Image.Image, size: int) -> Image.Image:
    """RGBA, ``size`` x ``size``: the whole picture, as large as fits, in the middle of transparent ground."""
    scale = size / max(picture.size)
    wide, high = (max(1, round(length * scale)) for length in picture.size)
    # Premultiplied, or what a file holds under full transparency bleeds into the edges.
    small = picture.convert("RGBa").resize(
        (wide, high), Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    )
    cell = Image.new("RGBA", (size, size))
    cell.paste(small.convert("RGBA"), ((size - wide) // 2, (size - high) // 2))
    return cell


def check(data: bytes) -> str:
    """The SVG as text. Raises `DrawingError` for none, for too much, for a script, and for what lies outside."""
    if len(data) > MOST_BYTES:
        raise DrawingError(f"an SVG of {len(data):,} bytes, where {MOST_BYTES:,} are the most")
    try:
        text = data.decode("utf-8-sig")
        if "<!entity" in text.lower():
            raise DrawingError("an SVG with entities of its own")
        if "<?xml-stylesheet" in text.lower():
            raise DrawingError("an SVG that refers to something outside it (a style sheet)")
        root = ET.fromstring(text)  # noqa: S314 - it has no entities
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DrawingError(f"a broken SVG ({error})") from error
    if _bare(root.tag) != "svg":
        raise DrawingError(f"no SVG: its outermost element is {_bare(root.tag)}")
    for count, element in enumerate(root.iter(), 1):
        if count > MOST_ELEMENTS:
            raise DrawingError(f"an SVG of more than {MOST_ELEMENTS:,} elements")
        _check(element)
    return text


def _check(element: ET.Element) -> None:
    kind = _bare(element.tag) if isinstance(element.tag, str) else ""
    if why := _FORBIDDEN.get(kind):
        raise DrawingError(f"an SVG with {why}")
    if kind == "style":
        _check_style("".join(element.itertext()))
    if kind in _ANIMATIONS and element.get("attributeName", "").lower().endswith("href"):
        raise DrawingError("an SVG that refers to something outside it in time")
    for name, value in element.attrib.items():
        bare = _bare(name)
        if bare.startswith("on"):
            raise DrawingError(f"an SVG with a script ({bare})")
        said = value.strip()
        if bare in _REFERENCES and said and not said.startswith(("#", "data:image/png", "data:image/jpeg")):
            raise DrawingError(f"an SVG that refers to something outside it ({bare}={said[:60]!r})")
        if _OUTSIDE.search(value):
            raise DrawingError(f"an SVG that refers to something outside it ({bare}={said[:60]!r})")


def _check_style(said: str) -> None:
    if _OUTSIDE.search(said):
        raise DrawingError("an SVG whose style refers to something outside it")
    if "\\" in said:
        raise DrawingError("an SVG whose style spells characters by numbers, which hides what it refers to")


def _bare(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition("}")[2].lower()
