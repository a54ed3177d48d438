"""What came of one file, and what of it is a breach of the promises."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.errors import Reason
from pipeline.rules.images.formats import sniff
from pipeline.rules.images.work import MAX_BYTES, MAX_SECONDS

SLOWER = 4
"""Times the CPU seconds of `MAX_SECONDS` that a file may take here: machines differ."""
ROOM = 64_000_000
"""Bytes beside `MAX_BYTES`, for the file itself, its views and what the allocator rounds up."""
WORTH = {"seconds": 0.2, "memory": 32e6}
"""Costs from which on estimates are held against them. Below, what headers do not tell counts: 32 views are 0.1 s."""
UNTYPED = {Reason.STAGE_FAILED.value, Reason.ANSWER_REFUSED.value, ""}
DIED = Reason.DECODER_DIED.value
_INNARDS = re.compile(r"0x[0-9a-f]{6,}|<_io\.|Traceback|File \"")


@dataclass(frozen=True)
class Outcome:
    """One file with its answer and its cost. ``estimate`` fields are what its headers led to expect, where known."""

    index: int
    format: str
    kind: str
    maker: str
    size: int
    outcome: str
    words: str
    seconds: float
    wall: float
    memory: int
    held: int
    estimated_seconds: float | None = None
    estimated_memory: float | None = None
    breach: str = ""
    process: int = 0


def breach_of(data: bytes, outcome: str, words: str, seconds: float, memory: int) -> str:
    """What is wrong with an answer, or ""."""
    if seconds > MAX_SECONDS * SLOWER:
        return f"{seconds:.1f} s of CPU, limit {MAX_SECONDS * SLOWER:g}"
    if memory > MAX_BYTES * 1.15 + ROOM:
        return f"{memory / 1e6:,.0f} MB of memory, limit {(MAX_BYTES * 1.15 + ROOM) / 1e6:,.0f}"
    return "" if outcome == "decided" else _wrong_with(outcome, words, sniff(data))


def _wrong_with(reason: str, words: str, name: str | None) -> str:
    """What is wrong with a dead letter of an image that looks like the format `name`, or ""."""
    if reason in UNTYPED:
        return f"an untyped dead letter: {reason}: {words}"
    if reason == DIED:
        return f"a decoder died: {words}"
    if _INNARDS.search(words):
        return f"a message of innards: {words}"
    if name is not None and not _is_told(name, words):
        return f"a message that does not say which format failed and why: {words}"
    return "" if words.strip() else f"{reason}: no message"


def _is_told(name: str, words: str) -> bool:
    """Whether a message begins with the format and goes on with a cause."""
    return words.startswith(name) and len(words) > len(name) + 5
