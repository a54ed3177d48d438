"""What a person reads of decisions: a line for each, and an exit status that says what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from rich.text import Text

from pipeline.ports import Hooks
from pipeline.wire import DeadLetter, Decision, Match, Record, parse_decision, read_dead_letter
from workers.terminal.console import Terminal, told

COLOURS = {"allow": "green", "label": "cyan", "review": "yellow", "block": "red", "unread": "magenta"}
FLAGGED, UNREAD = 1, 2
"""Exit statuses, which add up: 3 where something was flagged and something else could not be judged."""
TELLING = 0.1
"""A clean image's highest score is told from here on: some policy always scores highest, be it next to nothing."""


def decision_line(decision: Decision) -> Text:
    """One decision as one line: verdict, the score that decided, policy, image, prompt."""
    verdict = (f"{decision.verdict:<6}", COLOURS[decision.verdict])
    if not decision.matches:
        return told(verdict, " ", (f"{_highest(decision):<28}", "dim"), f" {decision.image_id}")
    first = decision.matches[0]
    why = f"{first.score:.2f} {_policies(decision.matches)}"
    return told(verdict, f" {why:<28} {decision.image_id}  ", (repr(first.prompt), "dim"))


def _policies(matches: Sequence[Match]) -> str:
    return " +".join(match.policy for match in matches)


def _highest(decision: Decision) -> str:
    """What came closest to flagging a clean image: a policy in shadow that matches, or a score worth telling."""
    if decision.shadow:
        return f"{decision.shadow[0].score:.2f} {_policies(decision.shadow)} in shadow"
    policy, score = max(decision.scores.items(), key=lambda pair: pair[1], default=("", 0.0))
    return f"{score:.2f} {policy}" if score >= TELLING else "-"


def dead_letter_line(letter: DeadLetter) -> Text:
    """One dead letter as one line."""
    return told(("unread", COLOURS["unread"]), f" {letter.reason:<28} {letter.image_id}  ", (letter.message, "dim"))


class ScanReport(Hooks):
    """A `Publisher` that prints each decision as it comes, in order, and counts what came."""

    def __init__(
        self, terminal: Terminal, dead_letters_topic: str, *, as_json: bool, advance: Callable[[int], object]
    ) -> None:
        self._terminal = terminal
        self._dead_letters_topic = dead_letters_topic
        self._as_json = as_json
        self._advance = advance
        self.judged = self.flagged = self.unread = 0

    @property
    def exit_status(self) -> int:
        """`FLAGGED`, `UNREAD`, both or neither."""
        return (FLAGGED if self.flagged else 0) | (UNREAD if self.unread else 0)

    def __str__(self) -> str:
        """How far it has come."""
        return f"{self.judged} judged, {self.flagged} of them flagged; {self.unread} unread"

    def publish(self, records: Sequence[Record]) -> None:
        """Print the records. Raises `ReaderGoneError`."""
        for record in records:
            if record.topic == self._dead_letters_topic:
                letter = read_dead_letter(record)
                self.unread += 1
                self._print(msgspec.json.encode(letter), dead_letter_line(letter))
                continue
            decision = parse_decision(record.value or b"")
            self.judged += 1
            self.flagged += bool(decision.matches)
            self._print(record.value or b"", decision_line(decision))
        self._advance(len(records))

    def close(self) -> None:
        """Nothing is held."""

    def _print(self, as_json: bytes, line: Text) -> None:
        if self._as_json:
            self._terminal.json(as_json.decode())
        else:
            self._terminal.print(line)
