"""Two policies side by side, as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.lab import pages
from pipeline.lab.comparing import words
from pipeline.lab.comparing.record import Comparison, Told


def page(found: Comparison) -> str:
    """The page; pictures are blurred until somebody asks to see them."""
    cells = found.cells
    sections = [
        pages.section(
            "What do they say of the same images?",
            pages.rows(words.TABLE_HEAD, words.counts(found), figures=(1, 2)),
            pages.rows(words.ACTIONS_HEAD, words.actions(found), figures=(1, 2)),
            pages.listed(words.remarks(found)),
        ),
        _days(found),
        _only(f"What does only A, {found.a}, flag?", found.only_a, cells.only_a),
        _only(f"What does only B, {found.b}, flag?", found.only_b, cells.only_b),
    ]
    return pages.document(f"{found.a} and {found.b}", words.in_words(found), found.source, _cards(found), sections)


def _cards(found: Comparison) -> Iterator[tuple[str, str, str]]:
    for name, said in words.figures(found):
        value, _, interval = said.partition(" (")
        yield name, value, interval.rstrip(")")


def _days(found: Comparison) -> str:
    def row(each: str, counts: Sequence[int]) -> tuple[str, ...]:
        return each, *(f"{count:,}" for count in counts)

    told = [
        row(each.day, (each.cells.images, each.cells.both, each.cells.only_a, each.cells.only_b))
        for each in found.days
    ]
    return pages.section(
        "Day by day", pages.rows(("day", "images", "both", "only A", "only B"), told, figures=range(1, 5))
    )


def _only(title: str, images: Sequence[Told], of: int) -> str:
    figures = [_figure(each) for each in images if each.thumbnail is not None]
    plain = [
        (each.image_id, words.said_of(each), words.when(each), each.no_picture)
        for each in images
        if each.thumbnail is None
    ]
    blocks = [pages.note(words.drawn(images, of))]
    if figures:
        blocks.append(pages.pictures(figures))
    if plain:
        columns = ("image", "outcomes and scores", "decided (UTC)", "why there is no picture")
        blocks.append(pages.rows(columns, plain, figures=()))
    return pages.section(title, *blocks)


def _figure(told: Told) -> str:
    said = words.said_of(told)
    picture = pages.veiled(pages.webp(told.thumbnail or b""), told.image_id, said)
    return pages.figure(picture, told.image_id, (said, words.when(told)))
