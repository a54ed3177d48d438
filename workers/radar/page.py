"""What radar found, as one page that needs nothing else, its pictures blurred until clicked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.lab.pages import document, figure, note, pictures, section, veiled, webp
from pipeline.lab.radar.record import Example, Pictured, Radar, Seen
from workers.radar.table import in_words, named


def page(pictured: Pictured) -> bytes:
    record = pictured.record
    sections = [
        _section(number, *each)
        for number, each in enumerate(zip(record.clusters, pictured.thumbnails, strict=True), 1)
    ]
    return document(
        f"What is new on {record.day}?",
        f"{in_words(record)}, in {record.archive}",
        f"model {record.model} by {record.preprocess}",
        _cards(record),
        sections or [section("Nothing new", note(in_words(record)))],
    ).encode()


def _cards(record: Radar) -> Iterator[tuple[str, str, str]]:
    yield "Images", f"{record.images:,}", f"of {record.day}"
    yield "Month before", f"{record.month:,}", f"{record.sampled:,} views compared with"
    yield "Unlike it", f"{record.unlike:,}", f"some {record.unlike_on_any_day:,} on any day"
    yield "New things", f"{len(record.clusters):,}", f"that {record.enough:,} images or more show"


def _section(number: int, cluster: Seen, thumbnails: Sequence[bytes | None]) -> str:
    shown = zip(cluster.examples, thumbnails, strict=True)
    return section(
        f"{number}. {named(cluster)}",
        note(f"{cluster.size:,} images. One step from a policy in shadow mode:"),
        note(cluster.next_step),
        pictures(figure(_picture(each, picture), each.image_id, _lines(each)) for each, picture in shown),
    )


def _picture(each: Example, picture: bytes | None) -> str:
    return note("no picture is kept") if picture is None else veiled(webp(picture), each.image_id, "unlike the month")


def _lines(each: Example) -> Iterator[str]:
    yield f"{each.decided_at[:16].replace('T', ' ')} {each.verdict}"
    yield f"cosine {each.nearest:.3f} to the nearest of the month"
