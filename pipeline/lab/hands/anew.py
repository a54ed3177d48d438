"""Draws SVG files anew as another hand might have: outlined, on paper, in two tones, shapes a little elsewhere.

Hands differ in what no filter of pixels can give: which shape has an outline, what colour it has and where it lies.
The shapes of an SVG file are known one by one, so they can get other lines, colours and places, one by one.
"""

from __future__ import annotations

import colorsys
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from pipeline.lab.hands.paints import BLACK, GRADIENTS, OPAQUE, Colour, colour, gradients, hexadecimal, opacity, style
from pipeline.lab.hands.svg import DrawingError, local_name

MANNERS = {"outlined": 5, "loose": 3, "on paper": 2, "in two tones": 1}
"""How drawings are drawn, and how often beside each other; loose ones have no outlines."""
KEEP_COLOURS = ("outlined", "loose")
WIDTHS = (0.012, 0.036)  # of outlines, by the drawing's longer side
OUTLINED = 0.85  # the share of shapes that get the outline
PALE = (0.75, 1.0)  # how near to white colours come on paper
DARK = 0.25  # what is darker than this stays dark on paper
CUT = (0.35, 0.6)  # the lightness that parts two tones
HUE, SATURATION, VALUE = 0.025, (0.6, 1.35), (0.75, 1.2)  # a spread in turns, and factors
TURN, GROW, SHIFT = 5.0, 0.07, 0.012  # spreads of a shape's angle in degrees, its size, its place by the drawing's
SQUEEZE, SLANT = (0.82, 0.98), 4.0  # of the whole: its width and height, and the spread of degrees that it leans by
_WHITE: Colour = (1.0, 1.0, 1.0)
_SHAPES = frozenset({"path", "circle", "ellipse", "rect", "polygon", "polyline"})
_UNSEEN = GRADIENTS | {"defs", "clippath", "mask", "filter", "pattern", "symbol"}
_PRESENTED = frozenset({"fill", "stroke", "opacity", "fill-opacity", "stroke-width", "filter"})
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_FIRST_POINT = re.compile(rf"[\sMm]*{_NUMBER}[\s,]*{_NUMBER}")
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)")
_GROUP = "{http://www.w3.org/2000/svg}g"
Box = tuple[float, float, float, float]
"""Left, top, width and height in a drawing's units."""


def drawn_anew(text: str, rng: Random, *, coloured: bool = False) -> str:
    """The drawing by another hand, an SVG file too; ``coloured`` keeps colours, where they tell a thing from others.

    ``text`` is what `svg.check` gave. Raises `DrawingError` for a drawing without a size, or nested too deep.
    """
    root = ET.fromstring(text)  # noqa: S314 - checked before
    box = _box(root)
    look = _Look(rng, _manner(rng, coloured=coloured), coloured, max(box[2:]), gradients(root))
    for shape, fill in list(_shapes(root)):
        look.draw(shape, fill)
    _lean(root, box, rng)
    try:
        return ET.tostring(root, encoding="unicode")
    except RecursionError as error:
        raise DrawingError("an SVG that nests too deep to be drawn anew") from error


@dataclass
class _Look:
    """How one drawing is drawn: what holds for all of its shapes, so that it looks like one."""

    rng: Random
    manner: str
    coloured: bool
    """Whether colours stay."""
    size: float
    """The drawing's longer side, in its units."""
    gradients: dict[str, Colour | None]
    became: dict[Colour, Colour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = self.rng
        self.ink = colorsys.hsv_to_rgb(rng.random(), rng.random() * 0.6, rng.random() ** 2 * 0.3)
        self.width = rng.uniform(*WIDTHS) * self.size
        self.looseness = rng.random()
        self.cut = rng.uniform(*CUT)

    def draw(self, shape: ET.Element, fill: str | None) -> None:
        """Give a shape its colour, its outline and its place; ``fill`` is what it inherits."""
        shape.attrib.pop("filter", None)
        fill, stroke = shape.get("fill", fill), shape.get("stroke", "none")
        if stroke != "none":
            shape.set("stroke", self._paint(stroke))
        if fill != "none":
            shape.set("fill", self._paint(fill or hexadecimal(BLACK)))
            opaque = opacity(shape.get("opacity")) * opacity(shape.get("fill-opacity")) > OPAQUE
            if opaque and stroke == "none" and shape.get("fill") != "none":
                self._outline(shape)
        if not {"clip-path", "mask", "transform"} & shape.attrib.keys():
            self._move(shape)

    def _outline(self, shape: ET.Element) -> None:
        if self.manner != "loose" and self.rng.random() < OUTLINED:
            shape.attrib.update({"stroke": hexadecimal(self.ink), "stroke-width": f"{self.width:.3f}"})
            shape.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "round"})

    def _paint(self, said: str) -> str:
        """What a fill or a stroke becomes; a gradient becomes one colour, what is not understood stays."""
        if found := _REFERENCE.match(said):
            was = self.gradients.get(found[1])
            return hexadecimal(self._colour(was)) if was else "none"
        named = colour(said)
        return hexadecimal(self._colour(named)) if named else said

    def _colour(self, was: Colour) -> Colour:
        """What a colour becomes, the same wherever it stands in the drawing."""
        if was not in self.became:
            self.became[was] = was if self.coloured else self._other(was)
        return self.became[was]

    def _other(self, was: Colour) -> Colour:
        lightness = sum(was) / 3
        if self.manner == "in two tones":
            return _WHITE if lightness > self.cut else self.ink
        hue, saturation, value = colorsys.rgb_to_hsv(*was)
        saturation = min(1.0, saturation * self.rng.uniform(*SATURATION))
        value = min(1.0, value * self.rng.uniform(*VALUE))
        red, green, blue = colorsys.hsv_to_rgb((hue + self.rng.gauss(0, HUE)) % 1, saturation, value)
        pale = self.rng.uniform(*PALE) if self.manner == "on paper" and lightness > DARK else 0.0
        return red + (1 - red) * pale, green + (1 - green) * pale, blue + (1 - blue) * pale

    def _move(self, shape: ET.Element) -> None:
        """Turn, grow and shift a shape about the first of its points: its middle is known only once it is drawn."""
        point = _first_point(shape)
        if point is None:
            return
        x, y = point
        angle, across, down, right, below = (self.rng.gauss(0, self.looseness) for _ in range(5))
        there = f"translate({x + right * SHIFT * self.size:.3f} {y + below * SHIFT * self.size:.3f})"
        turned = f"rotate({angle * TURN:.2f}) scale({1 + across * GROW:.3f} {1 + down * GROW:.3f})"
        shape.set("transform", f"{there} {turned} translate({-x:.3f} {-y:.3f})")


def _manner(rng: Random, *, coloured: bool) -> str:
    manners = {each: often for each, often in MANNERS.items() if each in KEEP_COLOURS or not coloured}
    return rng.choices([*manners], [*manners.values()])[0]


def _box(root: ET.Element) -> Box:
    said = root.get("viewBox") or f"0 0 {root.get('width', '')} {root.get('height', '')}"
    try:
        left, top, wide, high = (float(each.removesuffix("px")) for each in re.split(r"[\s,]+", said.strip()))
    except ValueError:
        raise DrawingError("an SVG without a size cannot be drawn anew") from None
    return left, top, wide, high


def _shapes(root: ET.Element) -> Iterator[tuple[ET.Element, str | None]]:
    """The shapes that are drawn, each with the fill that it inherits; what styles say of them becomes attributes."""
    waiting: list[tuple[ET.Element, str | None]] = [(root, None)]
    while waiting:
        element, inherited = waiting.pop()
        kind = local_name(element.tag)
        if kind in _UNSEEN:
            continue
        if said := style(element):
            element.attrib.update({name: value for name, value in said.items() if name in _PRESENTED})
            element.set("style", ";".join(f"{name}:{said[name]}" for name in said.keys() - _PRESENTED))
        if kind in _SHAPES:
            yield element, inherited
        else:
            waiting.extend((child, element.get("fill", inherited)) for child in reversed(element))


def _lean(root: ET.Element, box: Box, rng: Random) -> None:
    """Squeeze and slant the whole a little, within its box."""
    whole = ET.Element(_GROUP)
    for child in list(root):
        root.remove(child)
        whole.append(child)
    root.append(whole)
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    squeezed = f"scale({rng.uniform(*SQUEEZE):.3f} {rng.uniform(*SQUEEZE):.3f}) skewX({rng.gauss(0, SLANT):.2f})"
    whole.set("transform", f"translate({x} {y}) {squeezed} translate({-x} {-y})")


def _first_point(shape: ET.Element) -> tuple[float, float] | None:
    kind = local_name(shape.tag)
    if kind in {"path", "polygon", "polyline"}:
        found = _FIRST_POINT.match(shape.get("d") or shape.get("points") or "")
        return (float(found[1]), float(found[2])) if found else None
    across, down = ("x", "y") if kind == "rect" else ("cx", "cy")
    try:
        return float(shape.get(across, 0)), float(shape.get(down, 0))
    except ValueError:
        return None
