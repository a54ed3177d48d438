"""A backtest's figures as people read them, on the page and in a comment."""

from __future__ import annotations

from pipeline.lab.backtest.record import Asked, Near, Record
from pipeline.lab.evaluation.shares import Estimate
from pipeline.wire import Verdict


def outcome(of: Verdict) -> str:
    """A policy's outcome; ``allow`` says that it does not match."""
    return "not flagged" if of == "allow" else of


def change(image: Near) -> str:
    """What became of an image under a policy, such as ``not flagged, now review``."""
    now = outcome(image.after)
    return now if image.before == image.after else f"{outcome(image.before)}, now {now}"


def score(image: Near) -> str:
    return "-" if image.score is None else f"{image.score:.3f}"


def rate(found: Estimate | None) -> str:
    """``1,204 (1,150 to 1,260)``, of a million; a dash without any event."""
    return "-" if found is None else f"{_count(found.value)} ({_count(found.low)} to {_count(found.high)})"


def share(found: Estimate) -> str:
    """``97.1 % (93 to 99)``, the ends rounded outwards; a dash where it cannot be told."""
    if found.value != found.value:
        return "-"
    return f"{100 * found.value:.3g} % ({_floor(100 * found.low)} to {-_floor(-100 * found.high)})"


def when(image: Near) -> str:
    """``2026-11-03 10:15``, in UTC."""
    return image.decided_at[:16].replace("T", " ")


def signed(count: int) -> str:
    """``+1,204``; a plain 0."""
    return f"{count:+,}" if count else "0"


def stretch(record: Record) -> str:
    """From which day to which."""
    days = sorted(each.day for each in record.days)
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "no day"


def compared_with(asked: Asked) -> str:
    return "what was decided" if asked.against is None else f"{asked.against} ({asked.against_set})"


def _floor(value: float) -> int:
    return int(value // 1)


def _count(value: float) -> str:
    least_whole = 10
    return f"{value:,.0f}" if value >= least_whole or value == int(value) else f"{value:.2g}"
