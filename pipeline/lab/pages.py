"""Reports as HTML pages that need nothing else: no script, no font, no request. Pictures lie in the page itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

PAGE_FILE = Path(__file__).with_name("page.html")
"""The style sheet and the document around the parts, a `string.Template`."""


def document(
    title: str, counts: str, model: str, cards: Iterable[tuple[str, str, str]], sections: Iterable[str]
) -> str:
    """The page. A card is a name, a value, and an interval or remark; sections are HTML, all else is text."""
    return Template(PAGE_FILE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        model=escape(model),
        counts=escape(counts),
        cards="".join(_card(*each) for each in cards),
        sections="\n".join(sections),
    )


class Html(str):
    """Text that is HTML already, and is not escaped."""

    __slots__ = ()


def shown(text: str) -> str:
    """The text as HTML."""
    return text if isinstance(text, Html) else escape(text)


def _card(name: str, value: str, remark: str) -> str:
    return f"<div class=card><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>"


def section(title: str, *blocks: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(blocks)}</section>"


def note(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def veiled(picture: str, name: str, said: str) -> str:
    """A picture, as the address of its data, blurred until somebody clicks it or ticks its box by keyboard."""
    name, said = escape(name), escape(said)
    return (
        f'<label class=veil><input type=checkbox aria-label="Show {name}">'
        f'<img src="{picture}" alt="{name}, {said}"><span class=cue aria-hidden=true><b>show</b></span></label>'
    )


def webp(picture: bytes) -> str:
    """The address of a WebP's data, as it stands in the page."""
    return f"data:image/webp;base64,{b64encode(picture).decode()}"


def figure(shown: str, title: str, lines: Iterable[str]) -> str:
    """HTML with a caption; lines without text are left out."""
    caption = "".join(f"<div>{escape(line)}</div>" for line in lines if line)
    return f"<figure>{shown}<figcaption><b>{escape(title)}</b>{caption}</figcaption></figure>"


def pictures(figures: Iterable[str], *, large: bool = False) -> str:
    """Figures side by side; `large` where each is looked at, and not looked through."""
    kind = '"pictures large"' if large else "pictures"
    return f"<div class={kind}>{''.join(figures)}</div>"


def unveil() -> str:
    """A box that shows all pictures of the page."""
    return (
        "<p class=legend>Pictures are blurred: click one to see it. "
        "<label><input type=checkbox id=unveil> Show all pictures</label></p>"
    )


def side_by_side(columns: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Columns, each a title above blocks of HTML; on a narrow screen one below the other."""
    inner = "".join(f"<div><h3>{escape(title)}</h3>{''.join(blocks)}</div>" for title, blocks in columns)
    return f"<div class=columns>{inner}</div>"


def listed(lines: Iterable[str]) -> str:
    """A list of them; nothing where there is none."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def rows(columns: Sequence[str], rows: Iterable[Sequence[str]], *, figures: Sequence[int]) -> str:
    """A table; the columns numbered in `figures` are set flush right. Cells are text, or `Html`."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=figure' if index in figures else ''}>{shown(cell)}</{tag}>"
            for index, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f"<div class=chart><table><thead><tr>{cells('th', columns)}</tr></thead><tbody>{body}</tbody></table></div>"
    )
