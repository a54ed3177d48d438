"""Make ``emoji.tsv``, the lab's lexicon, from Unicode CLDR's English annotations and an emoji font.

Run ``python -m pipeline.lab.scenes.cldr`` on a machine with Debian's ``unicode-cldr-core`` and
``fonts-noto-color-emoji``. Its result ships with the project, so that training needs the font alone.
"""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

from pipeline.lab.scenes.emoji import find_font, has_glyph, open_font
from pipeline.lab.scenes.lexicon import HEADER, LEXICON_FILE

ANNOTATIONS = Path("/usr/share/unicode/cldr/common/annotations/en.xml")
_PLAIN = str.maketrans({"\u201c": "", "\u201d": "", "\u2019": "'", "\u2013": "-"})
_PARTS = frozenset("\U0001f9b0\U0001f9b1\U0001f9b2\U0001f9b3")  # hair styles, which show no thing of their own


def read_annotations(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Single-code-point entries of a CLDR annotations file: character -> (short name, keywords)."""
    names: dict[str, str] = {}
    keywords: dict[str, list[str]] = {}
    for entry in ET.parse(path).getroot().iter("annotation"):  # noqa: S314 - a file of the distribution
        char, text = entry.get("cp", ""), (entry.text or "").translate(_PLAIN)
        if len(char) != 1 or ord(char) < 0x2000:  # noqa: PLR2004 - below are letters and punctuation
            continue
        if entry.get("type") == "tts":
            names[char] = text
        else:
            keywords[char] = [word.strip() for word in text.split("|")]
    return {char: (name, keywords.get(char, [])) for char, name in names.items()}


def make_lexicon(annotations: Path = ANNOTATIONS, font: Path | None = None) -> str:
    """The text of ``emoji.tsv``: one line per emoji that the font can draw, in code point order."""
    face = open_font(find_font(font))
    lines = [HEADER]
    for char, (name, keywords) in sorted(read_annotations(annotations).items()):
        # Skin tone swatches and hair are parts of other emoji, not things.
        if unicodedata.category(char) == "Sk" or char in _PARTS or not has_glyph(face, char):
            continue
        others = [word for word in keywords if word.lower() != name.lower()]
        lines.append(f"{char}\t{name}\t{'|'.join(others)}\n")
    return "".join(lines)


if __name__ == "__main__":
    LEXICON_FILE.write_text(make_lexicon(), encoding="utf-8")
