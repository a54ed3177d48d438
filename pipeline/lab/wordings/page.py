"""Wordings side by side as one HTML page that needs nothing else, its pictures blurred until clicked."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.lab import pages
from pipeline.lab.wordings import words
from pipeline.lab.wordings.record import Pictured, Top, Wording


def page(found: Pictured) -> bytes:
    record = found.record
    several = len(record.wordings) > 1
    alone = " 'Alone' are those that no other wording flags." if several else ""
    columns = [
        (f"{words.letter(at)}: {each.words}", [_column(each, at, pictures)])
        for at, (each, pictures) in enumerate(zip(record.wordings, found.thumbnails, strict=True))
    ]
    table = pages.rows(words.head(record), words.counts(record), figures=range(2, len(words.head(record))))
    said = "The highest scores first. A click shows a picture, and so does the space bar."
    return pages.document(
        " against ".join(f"'{each.words}'" for each in record.wordings),
        words.in_words(record),
        f"model {record.model} by {record.preprocess}",
        [],
        [
            pages.section("How many does each flag?", pages.note(f"Images with at least that score.{alone}"), table),
            pages.section("Which?", pages.note(said), pages.side_by_side(columns)),
        ],
    ).encode()


def _column(wording: Wording, at: int, pictures: Sequence[bytes | None]) -> str:
    shown = zip(wording.top, pictures, strict=True)
    return pages.pictures(_figure(each, at, picture) for each, picture in shown)


def _figure(top: Top, at: int, picture: bytes | None) -> str:
    title = f"{top.scores[at]:.3f}"
    if picture is None:
        shown = pages.note("no picture is kept")
    else:
        shown = pages.veiled(pages.webp(picture), top.image_id, f"score {title}")
    others = words.scores(top) if len(top.scores) > 1 else ""
    return pages.figure(shown, title, (top.image_id, others, *words.beside(top)))
