"""What became of each dead letter that was to be replayed, told as it is known and summed up at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from pipeline.wire import dead_letter_json
from workers.dlq.found import Found
from workers.dlq.lines import line_of
from workers.terminal.console import Terminal, told

REPLAYED = "replayed"


class Outcomes:
    """A dry run lists what would be sent; otherwise what was refused is named, and with JSON every dead letter."""

    def __init__(self, terminal: Terminal, *, dry_run: bool, as_json: bool) -> None:
        self.terminal = terminal
        self.dry_run = dry_run
        self._as_json = as_json
        self._counts = Counter[str]()

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    @property
    def refused(self) -> int:
        """How many were not, or would not be, sent."""
        return self._counts.total() - self._counts[REPLAYED]

    def add(self, found: Found, outcome: str, why: str) -> None:
        """Take what became of one: `REPLAYED`, or in a word why it was not, and what to do about it."""
        self._counts[outcome] += 1
        if self._as_json:
            letter = msgspec.json.decode(dead_letter_json(found.letter))
            said = {**letter, "outcome": outcome, "why": why, "dry_run": self.dry_run}
            self.terminal.json(msgspec.json.encode(said).decode())
        elif outcome != REPLAYED:
            self.terminal.note(f"not replayed: {found.letter.stored}: {why}")
        elif self.dry_run:
            self.terminal.print(line_of(found.letter))

    def sum_up(self) -> None:
        """Say how many there were of each."""
        if self._as_json:
            self.terminal.note(str(self))
        else:
            self.terminal.print(told((str(self), "bold")))

    def __str__(self) -> str:
        refused = ", ".join(f"{count:,} {kind}" for kind, count in self._counts.most_common() if kind != REPLAYED)
        sent = f"{self._counts[REPLAYED]:,} {'would be ' if self.dry_run else ''}replayed"
        return f"{sent}; not: {refused}" if refused else sent
