"""What shapes of an SVG file are painted with: colours, opacities, and the one colour that stands for a gradient."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from PIL import ImageColor

from pipeline.lab.hands.svg import local_name

GRADIENTS = frozenset({"lineargradient", "radialgradient"})
OPAQUE = 0.5
"""What is no more opaque than this is a shine or a shade, not a shape."""
Colour = tuple[float, float, float]
"""Red, green and blue in [0,1]."""
BLACK: Colour = (0.0, 0.0, 0.0)


def colour(said: str) -> Colour | None:
    """The colour that an attribute names; None for what names none, such as ``currentColor``."""
    try:
        red, green, blue = (value / 255 for value in ImageColor.getrgb(said.strip())[:3])
    except ValueError:
        return None
    return red, green, blue


def hexadecimal(colour: Colour) -> str:
    return "#" + "".join(f"{round(min(max(value, 0.0), 1.0) * 255):02x}" for value in colour)


def opacity(said: str | None) -> float:
    """An opacity in [0,1]; 1 where none can be read."""
    try:
        return float(said.rstrip("%")) / (100 if said.endswith("%") else 1) if said else 1.0
    except ValueError:
        return 1.0


def gradients(root: ET.Element) -> dict[str, Colour | None]:
    """Each gradient's mean colour by its id, weighed by how opaque its stops are; None for what is mostly clear."""
    colours: dict[str, Colour | None] = {}
    borrowed: dict[str, str] = {}
    for element in root.iter():
        if local_name(element.tag) not in GRADIENTS:
            continue
        name, stops = element.get("id", ""), [_stop(each) for each in element if local_name(each.tag) == "stop"]
        if stops:
            colours[name] = _mean(stops)
        else:
            borrowed[name] = next((said for key, said in element.attrib.items() if local_name(key) == "href"), "")
    return colours | {name: colours.get(other.lstrip("#")) for name, other in borrowed.items()}


def _mean(stops: list[tuple[Colour, float]]) -> Colour | None:
    cover = sum(opaque for _, opaque in stops)
    if cover <= OPAQUE * len(stops):
        return None
    red, green, blue = (sum(each[at] * opaque for each, opaque in stops) / cover for at in range(3))
    return red, green, blue


def _stop(stop: ET.Element) -> tuple[Colour, float]:
    said = style(stop) | stop.attrib
    return colour(said.get("stop-color", "")) or BLACK, opacity(said.get("stop-opacity"))


def style(element: ET.Element) -> dict[str, str]:
    """What an element's ``style`` says, by property."""
    parts = (part.partition(":") for part in element.get("style", "").split(";"))
    return {name.strip(): value.strip() for name, colon, value in parts if colon}
