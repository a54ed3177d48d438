"""What a person or a program reads of a replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.text import Text

from pipeline.wire import Decision
from workers.history.replay import Replayed
from workers.terminal.console import told

_STYLES = {"identical": "green", "different": "red"}


def outcome_of(replayed: Replayed) -> str:
    """In a word."""
    return "identical" if replayed.same else "different"


def lines_of(replayed: Replayed) -> Iterator[Text]:
    """What came of it, then what differs and what else is to be known, a line each."""
    before, after, found = replayed.before, replayed.after, replayed.comparison
    outcome = outcome_of(replayed)
    said = f" {before.image_id} {before.verdict}, by the policy set {before.policy_set}, from {before.source}"
    yield told((outcome, _STYLES[outcome]), said, (_rounding(replayed), "dim"))
    if not isinstance(after, Decision):
        yield told(("  was decided, and now is a dead letter: ", "red"), f"{after.reason}: {after.message}")
    for each in found.differences if found is not None else ():
        yield told((f"  {each.field:<32} ", "dim"), f"{_text(each.before)}  now  {_text(each.after)}")
    yield from (told((f"  note: {note}", "yellow")) for note in replayed.notes)


def object_of(replayed: Replayed) -> str:
    """The same as JSON, with both decisions."""
    found = replayed.comparison
    said: dict[str, Any] = {
        "outcome": outcome_of(replayed),
        "differences": [] if found is None else list(found.differences),
        "rounding": None if found is None else found.rounding,
        "replayed": "features" if replayed.notes else "event",
        "notes": list(replayed.notes),
        "before": replayed.before,
        "after": replayed.after,
    }
    return msgspec.json.encode(said).decode()


def _rounding(replayed: Replayed) -> str:
    found = replayed.comparison
    if found is None or not found.rounding:
        return ""
    return f"; numbers differ by {found.rounding:.2g} at most, which is rounding"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
