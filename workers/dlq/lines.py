"""What a person reads of a dead letter: a line in a list, or a page with its headers and the first of its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from pipeline.errors import ItemError
from pipeline.rules.dead_letters import reason_of
from pipeline.rules.images.formats import describe, sniff
from pipeline.rules.images.headers import read
from pipeline.wire import DeadLetter, Event
from workers.dlq.found import Found
from workers.scan.report import COLOURS
from workers.terminal.console import told

SHOWN_BYTES = 96
"""Of a value; a line has 16 of them."""
SHOWN_TEXT = 300
"""Characters of a header's value, or of a claim check."""
_ROW = 16
_MOST_PIXELS = 1 << 62
"""No limit: nothing is decoded, and the size is all that is asked for."""


def line_of(letter: DeadLetter) -> Text:
    """One line: when, why, where its event stood, where it stands itself, image, message."""
    replayed = f" after {letter.replays} replay{'' if letter.replays == 1 else 's'}" if letter.replays else ""
    return told(
        (f"{letter.time or '-'} ", "dim"),
        (f"{reason_of(letter):<17}", COLOURS["unread"]),
        f" {letter.stage or '-':<8} {letter.source or '-'} ",
        (f"({_place(letter)}){replayed} ", "dim"),
        letter.image_id or "-",
        (f"  {letter.message}", "dim"),
    )


def page_of(found: Found) -> Iterator[Text]:
    """All there is to know without decoding anything."""
    record, letter = found
    yield told((f"{letter.image_id or '(no key)'}", "bold"), f"  {reason_of(letter)}")
    yield from (told((f"  {name:<15}", "dim"), text) for name, text in facts_of(found).items())
    yield from (told(("  note           ", "dim"), note) for note in letter.notes)
    yield told("  headers")
    for name, value in headers_of(record):
        yield told((f"    {name} ", "dim"), "(none)" if value is None else value)
    yield from (told((f"    {row}", "dim")) for row in dump_of(record))


def facts_of(found: Found) -> dict[str, str]:
    """What a dead letter says of itself, and what its value looks like, by name; what it does not say is left out."""
    record, letter = found
    facts = {
        "why": letter.message,
        "stage": letter.stage,
        "event id": letter.event_id,
        "event stood at": str(letter.source or ""),
        "dead letter at": f"{letter.stored}, written {letter.time}",
        "policy set": letter.policy_set,
        "replayed": f"{letter.replays} times before" if letter.replays else "",
        "left out": _LEFT_OUT.get(letter.left_out, letter.left_out),
        "value": _kind(record),
    }
    return {name: text for name, text in facts.items() if text}


def headers_of(record: Event) -> list[tuple[str, str | None]]:
    """Its headers as text, long ones cut short."""
    return [(_short(name), None if value is None else _short(_text(value))) for name, value in record.headers]


def dump_of(record: Event) -> Iterator[str]:
    """The first bytes of its value, in hex and as letters."""
    return _dump((record.value or b"")[:SHOWN_BYTES])


def suffix_of(value: bytes) -> str:
    """What a file with these bytes should end in, with the dot."""
    return {"JPEG": ".jpg", None: ".bin"}.get(name := sniff(value), f".{(name or '').lower()}")


_LEFT_OUT = {
    "key": "the event had no key: this one is made up",
    "headers": "the event's headers: the topic did not take them",
    "value": "the event's value: the topic did not take it, and the bytes here say where it stands",
}


def _place(letter: DeadLetter) -> str:
    return f"here {letter.stored.partition}@{letter.stored.offset}" if letter.stored else "-"


def _kind(record: Event) -> str:
    """What the value looks like: by its first bytes and its header alone."""
    if record.value is None:
        return "none"
    size = f"{len(record.value):,} bytes"
    if record.is_claim:
        return f"{size}, a claim check: {_short(_text(record.value))}"
    name = sniff(record.value)
    if name is None:
        return f"{size}, {describe(record.value)}" if record.value else size
    return f"{size}, {name}{_dimensions(name, record.value)}"


def _dimensions(name: str, value: bytes) -> str:
    try:
        stored = read(name, value, _MOST_PIXELS, fast=True, shrink=lambda *_: 1)
    except ItemError as error:
        return f" ({error})"
    except Exception as error:  # noqa: BLE001 - whatever its header holds, the page goes on
        return f" (its header cannot be read: {error})"
    frames = f", {stored.frames} frames" if stored.frames > 1 else ""
    return f" of {stored.size[0]:,} x {stored.size[1]:,} pixels{frames}"


def _text(value: bytes) -> str:
    return value[: 4 * SHOWN_TEXT].decode("utf-8", "backslashreplace")


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}... ({len(text):,} characters)"


def _dump(value: bytes) -> Iterator[str]:
    for at in range(0, len(value), _ROW):
        row = value[at : at + _ROW]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004 - ASCII
        yield f"{at:04x}  {row.hex(' '):<47}  {letters}"
