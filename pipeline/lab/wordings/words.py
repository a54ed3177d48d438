"""What is said of wordings, on the terminal as on the page."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.lab.wordings.record import Top, Tried


def letter(wording: int) -> str:
    """A wording's short name, by its place: A, B, and on from Z by numbers."""
    return chr(ord("A") + wording) if wording < len("ABCDEFGHIJKLMNOPQRSTUVWXYZ") else str(wording + 1)


def head(record: Tried) -> tuple[str, ...]:
    """The columns of `counts`."""
    thresholds = [f"{each.threshold:g}" for each in record.wordings[0].counts]
    several = len(record.wordings) > 1
    return (
        "",
        "wording",
        *(
            name
            for each in thresholds
            for name in ((f"from {each} on", "alone") if several else (f"from {each} on",))
        ),
    )


def counts(record: Tried) -> Iterator[tuple[str, ...]]:
    """A row for each wording: how many images it flags, and how many of those none of the others does."""
    several = len(record.wordings) > 1
    for at, each in enumerate(record.wordings):
        cells = [
            f"{value:,}"
            for count in each.counts
            for value in ((count.flagged, count.alone) if several else (count.flagged,))
        ]
        yield letter(at), each.words, *cells


def in_words(record: Tried) -> str:
    unread = f"; {record.unread:,} could not be read" if record.unread else ""
    return f"{record.images:,} image{'' if record.images == 1 else 's'} of {record.source}{unread}"


def scores(top: Top) -> str:
    """The score by each wording."""
    if len(top.scores) == 1:
        return f"{top.scores[0]:.3f}"
    return "  ".join(f"{letter(at)} {score:.3f}" for at, score in enumerate(top.scores))


def beside(top: Top) -> Iterator[str]:
    """What else is to be said of an image."""
    if top.alike:
        yield f"and {top.alike:,} alike"
    if top.against:
        yield f"against {top.against.text!r} ({top.against.share:.2f})"
    if top.decided_at:
        yield top.decided_at[:16].replace("T", " ")
