"""The picture in README.md, drawn from a run of the demo on a terminal: ``python -m tests.picture``.

It names no font and no link from outside, so that it looks the same wherever it is shown.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.services.processes import ROOT
from tests.terminal import seen

PICTURE = ROOT / ".github" / "demo.svg"
COLUMNS = 96
PATIENCE = 300.0
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
FORM = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{width}} {{height}}" role="img" aria-label="sluice demo">
<style>
.{{unique_id}}-matrix {{{{ font: {{char_height}}px {FONTS}; white-space: pre }}}}
{{styles}}
</style>
{{chrome}}
<g class="{{unique_id}}-matrix" transform="translate({{terminal_x}}, {{terminal_y}})">
{{matrix}}
</g>
</svg>
"""


def drawn(rows: Iterable[list[Char]]) -> str:
    """Rows of a terminal as an SVG, below the command line that a person has typed."""
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, color_system="truecolor", highlight=False)
    console.print(Text.assemble(("$ ", "bright_black"), ("sluice demo", "bold")))
    for row in rows:
        console.print(_styled(row), overflow="ignore", no_wrap=True)
    svg = console.export_svg(title="", code_format=FORM, theme=SVG_EXPORT_THEME, unique_id="demo")
    return re.sub(r'<text[^>]*>\s*</text>| clip-path="[^"]*"', "", svg).replace("<text", "\n<text")


def _styled(row: list[Char]) -> Text:
    parts = [("".join(cell.data for cell in cells), style) for style, cells in groupby(row, _style)]
    line = Text.assemble(*parts)
    line.rstrip()
    return line


def _style(cell: Char) -> Style:
    colour = cell.fg.replace("brown", "yellow").replace("bright", "bright_")
    return Style(color=colour, bold=cell.bold, italic=cell.italics)


def main() -> int:
    """Run the demo, and draw what stands on its terminal at the end."""
    with tempfile.TemporaryDirectory() as folder:
        found = seen(Path(folder), COLUMNS, "demo", patience=PATIENCE)
    while found.rows and not "".join(cell.data for cell in found.rows[-1]).strip():
        found.rows.pop()
    if found.status:
        sys.stderr.write("\n".join(found.lines))
        return found.status
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(found.rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
