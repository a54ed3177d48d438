"""What was found, as a contact sheet: one page that needs nothing else, its pictures blurred until clicked."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.lab.pages import document, figure, note, pictures, section, veiled, webp
from workers.search.record import Answer, Nearby, Record
from workers.search.table import in_words, matched, where


def sheet(answer: Answer) -> bytes:
    record = answer.record
    shown = zip(record.found, answer.thumbnails, strict=True)
    figures = [figure(_picture(each, picture), _title(each), _lines(each)) for each, picture in shown]
    blocks = [note(_how(record)), pictures(figures)] if figures else [note(in_words(record))]
    page = document(
        f"Nearest to {record.asked}",
        f"{in_words(record)}, in {record.asked.archive}",
        f"model {record.model} by {record.preprocess}",
        _cards(record),
        [section("What is nearest?", *blocks)],
    )
    return page.encode()


def _how(record: Record) -> str:
    if record.asked.by_words:
        said = "The score is that of a policy with these words, against the background that all policies share."
    else:
        said = "The cosine is that of the two views, one of each picture, that are most alike; 1 is the same."
    return f"{said} A click shows a picture, and so does the space bar."


def _cards(record: Record) -> Iterator[tuple[str, str, str]]:
    yield "Images", f"{record.images:,}", "that were compared"
    if record.best is not None:
        yield "Best", f"{record.best:.3f}", "score" if record.asked.by_words else "cosine"
    yield "Found", f"{len(record.found):,}", f"from {record.asked.least:g} on"


def _picture(each: Nearby, picture: bytes | None) -> str:
    if picture is None:
        return note("no picture is kept")
    return veiled(webp(picture), each.image_id, f"score {each.score:.3f}")


def _title(each: Nearby) -> str:
    return f"{each.rank}. {each.score:.3f}" + (f" and {each.alike:,} alike" if each.alike else "")


def _lines(each: Nearby) -> Iterator[str]:
    yield each.image_id
    yield f"{each.decided_at[:16].replace('T', ' ')} {each.verdict}"
    yield matched(each)
    yield where(each.view)
    if each.prompt:
        yield f"{each.prompt!r}" + (f" against {each.against.text!r}" if each.against else "")
