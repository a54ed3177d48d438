"""What a person or a program reads of decisions that are made anew: a line each, and a sum."""

from __future__ import annotations

from collections import Counter

import msgspec

from workers.history.redecide import Change, Seen
from workers.scan.report import COLOURS
from workers.terminal.console import Terminal, told


class Report:
    """Tells each change as it is found, or with JSON the decision, and counts them."""

    def __init__(self, terminal: Terminal, seen: Seen, *, publishes: bool, as_json: bool) -> None:
        self._terminal = terminal
        self._seen = seen
        self._publishes = publishes
        self._as_json = as_json
        self._counts = Counter[tuple[str, str]]()

    def add(self, change: Change) -> None:
        """Take one that is found."""
        made, before = change.made.decision, change.before
        self._counts[before.verdict, made.verdict] += 1
        if self._as_json:
            said = {"was": before.verdict, "publish": self._publishes, "decision": made}
            self._terminal.json(msgspec.json.encode(said).decode())
            return
        first = (made.matches or before.matches)[:1]
        why = f"{made.scores.get(first[0].policy, 0.0):.2f} {first[0].policy}" if first else ""
        self._terminal.print(
            told(
                (f"{before.verdict:<6}", COLOURS[before.verdict]),
                " -> ",
                (f"{made.verdict:<6}", COLOURS[made.verdict]),
                f" {why:<28} {made.image_id}  ",
                (made.matches[0].why if made.matches else "", "dim"),
            )
        )

    def sum_up(self) -> None:
        """Say how many there were of each."""
        if self._as_json:
            self._terminal.note(str(self))
        else:
            self._terminal.print(told((str(self), "bold")))

    def __str__(self) -> str:
        changes = ", ".join(f"{count:,} {was} -> {now}" for (was, now), count in self._counts.most_common())
        verb = "decided anew" if self._publishes else "would be decided anew; --publish does it"
        seen = f"of {self._seen.events:,} events {self._counts.total():,} {verb}"
        left = {"by these policies already": self._seen.by_these, "canaries": self._seen.canaries}
        more = [f"{count:,} {why}" for why, count in left.items() if count]
        return "; ".join([seen, *([changes] if changes else []), *(["left out: " + ", ".join(more)] if more else [])])
