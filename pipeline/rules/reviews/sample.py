"""Which events are in a sample: the event's id decides, so that no state is kept and a redelivery is drawn again."""

from __future__ import annotations

from pipeline.wire import Verdict

_DIGITS = 8
"""Hex digits of an event's id that decide: a share is exact to one in four billion."""
_SPAN: float = 16.0**_DIGITS


def in_sample(event_id: str, share: float) -> bool:
    """Whether an event is one of that share of all events.

    Ids are hashes, so the sample is random, and a smaller share is a part of any larger one.
    """
    return int(event_id[:_DIGITS], 16) < share * _SPAN


def highest_digits(share: float) -> str:
    """The first eight digits of an event's id that may be in the sample, or lie just above it: nothing above is."""
    return f"{min(int(share * _SPAN), int(_SPAN) - 1):0{_DIGITS}x}"


def drawn_for_review(event_id: str, verdict: Verdict, share: float) -> bool:
    """Whether a person should look at an event that no policy acts on, of which that share is drawn."""
    return share > 0 and verdict == "allow" and in_sample(event_id, share)
