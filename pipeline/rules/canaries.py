"""Canaries: known images that go the way of all others, so that what comes back tells whether the whole of it works.

A canary is exempt from nothing. It is an event like any other to those who moderate it, and its header is believed by
nobody but whoever sent it, who alone knows its nonce and its very bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import PurePath
from typing import Self

from pipeline.wire import SEVERITY, Reply

LEAST = 1.0
"""Seconds between two of one canary, at least: each takes the time of a whole image."""
LATE = 3600.0
"""Seconds for which a canary that is given up is still known: its answer may come, and tells how late it was."""
FORM = f"FILE every SECONDS s expect {'|'.join(SEVERITY)}"
_CANARY = re.compile(r"\s*(\S.*?)\s+every\s+(\d+(?:\.\d+)?)\s*s\s+expect\s+(\S+)\s*", re.DOTALL)
_BETWEEN = re.compile(r"(\s+expect\s+[^\s,]+)\s*,")


class Outcome(StrEnum):
    """What came of a canary."""

    RIGHT = "right"
    WRONG = "wrong"
    DEAD_LETTER = "dead_letter"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Canary:
    """An image on disk, how often it is sent (seconds), and the verdict that it must get."""

    file: str
    every: float
    expect: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """One of the form `FORM`. Raises ``ValueError`` with what to write instead."""
        found = _CANARY.fullmatch(text)
        if found is None:
            raise ValueError(f"a canary is '{FORM}'")
        file, every, expect = found.groups()
        if expect not in SEVERITY:
            raise ValueError(f"a canary's verdict is one of {', '.join(SEVERITY)}")
        if float(every) < LEAST:
            raise ValueError(f"a canary is sent at most every {LEAST:g} s, since each takes the time of an image")
        return cls(file, float(every), expect)

    @property
    def name(self) -> str:
        """What it is called in metrics and in its image id."""
        return PurePath(self.file).name


def apart(text: str) -> list[str]:
    """The canaries of a text that names several with commas between them; a file's name may have commas, too."""
    return [part.strip() for part in _BETWEEN.sub("\\1\n", text).split("\n") if part.strip()]


@dataclass(frozen=True, slots=True)
class Landed:
    """An answer to a canary, after so many seconds. The outcome of one that had been given up was counted by then."""

    canary: Canary
    seconds: float
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class _Sent:
    canary: Canary
    content_sha256: str
    at: float


class Outstanding:
    """The canaries that are under way. The first answer to each counts, and only if it is about the bytes sent."""

    def __init__(self, patience: float) -> None:
        """One without an answer after `patience` seconds is missing."""
        self._patience = patience
        self._sent: dict[str, _Sent] = {}
        self._given_up: dict[str, _Sent] = {}

    def sent(self, nonce: str, canary: Canary, value: bytes, now: float) -> None:
        """A canary leaves; `value` is what its event holds."""
        self._sent[nonce] = _Sent(canary, sha256(value).hexdigest(), now)

    def answered(self, reply: Reply, now: float) -> Landed | None:
        """What the reply means; None where it is about no canary of ours, or was given before."""
        for waiting, counts in ((self._sent, True), (self._given_up, False)):
            sent = waiting.get(reply.nonce)
            if sent is not None and sent.content_sha256 == reply.content_sha256:
                del waiting[reply.nonce]
                outcome = _outcome(sent.canary, reply.verdict) if counts else None
                return Landed(sent.canary, now - sent.at, outcome)
        return None

    def missing(self, now: float) -> list[Canary]:
        """Those that are to be given up, each once."""
        late = dict(_before(self._sent, now - self._patience))
        for nonce in late:
            self._given_up[nonce] = self._sent.pop(nonce)
        for nonce, _ in list(_before(self._given_up, now - self._patience - LATE)):
            del self._given_up[nonce]
        return [sent.canary for sent in late.values()]


def _outcome(canary: Canary, verdict: str | None) -> Outcome:
    if verdict is None:
        return Outcome.DEAD_LETTER
    return Outcome.RIGHT if verdict == canary.expect else Outcome.WRONG


def _before(sent: Mapping[str, _Sent], when: float) -> Iterator[tuple[str, _Sent]]:
    return ((nonce, each) for nonce, each in sent.items() if each.at < when)
