"""What a person reads of decisions: a line for each, and an exit status that says what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from pipeline.errors import RefusedError
from pipeline.ports import Hooks
from pipeline.wire import Answer, DeadLetter, Decided, Decision, Match, dead_letter, dead_letter_json, decision_json
from workers.terminal.console import Terminal, told

COLOURS = {"allow": "green", "label": "cyan", "review": "yellow", "block": "red", "unread": "magenta"}
FLAGGED, UNREAD = 1, 2
"""Exit statuses, which add up: 3 where something was flagged and something else could not be judged."""
TELLING = 0.1
"""Least score that is told of a clean image: some policy always scores highest, be it next to nothing."""


def decision_line(decision: Decision) -> Text:
    """One decision as one line: verdict, the score that decided, policy, image, evidence."""
    verdict = (f"{decision.verdict:<6}", COLOURS[decision.verdict])
    if not decision.matches:
        return told(verdict, " ", (f"{_highest(decision):<28}", "dim"), f" {decision.image_id}")
    first = decision.matches[0]
    why = f"{first.score:.2f} {_policies(decision.matches)}"
    return told(verdict, f" {why:<28} {decision.image_id}  ", (first.why, "dim"))


def _policies(matches: Sequence[Match]) -> str:
    return " +".join(match.policy for match in matches)


def _highest(decision: Decision) -> str:
    """What came closest to flagging a clean image: a policy in shadow that matches, or a score worth telling."""
    if decision.shadow:
        return f"{decision.shadow[0].score:.2f} {_policies(decision.shadow)} in shadow"
    policy, score = max(decision.scores.items(), key=lambda pair: pair[1], default=("", 0.0))
    return f"{score:.2f} {policy}" if score >= TELLING else "-"


def dead_letter_line(letter: DeadLetter) -> Text:
    """One dead letter as one line: reason, image, message."""
    return told(("unread", COLOURS["unread"]), f" {letter.reason:<28} {letter.image_id}  ", (letter.message, "dim"))


class ScanReport(Hooks):
    """A `Publisher` that prints each decision as it comes, in order, and counts what came."""

    def __init__(self, terminal: Terminal, *, as_json: bool, advance: Callable[[int], object]) -> None:
        self._terminal = terminal
        self._as_json = as_json
        self._advance = advance
        self.judged = self.flagged = self.unread = 0

    @property
    def exit_status(self) -> int:
        """`FLAGGED`, `UNREAD`, both or neither."""
        return (FLAGGED if self.flagged else 0) | (UNREAD if self.unread else 0)

    def __str__(self) -> str:
        return f"{self.judged} judged, {self.flagged} of them flagged; {self.unread} unread"

    def publish(self, answers: Sequence[Answer]) -> None:
        """Print the answers. Raises `ReaderGoneError`, and `RefusedError` for those that cannot be put into words."""
        unwritten: dict[int, Exception] = {}
        for index, answer in enumerate(answers):
            try:
                line = self._line(answer)
            except Exception as error:  # noqa: BLE001 - one that cannot be printed is no reason to print none
                unwritten[index] = error
                continue
            self._count(answer)
            if isinstance(line, str):
                self._terminal.json(line)
            else:
                self._terminal.print(line)
        self._advance(len(answers) - len(unwritten))
        if unwritten:
            raise RefusedError({}, unwritten)

    def close(self) -> None:
        """There is nothing to free."""

    def _line(self, answer: Answer) -> Text | str:
        if isinstance(answer, Decided):
            decision = answer.decision
            return decision_json(decision).decode() if self._as_json else decision_line(decision)
        letter = dead_letter(answer)
        return dead_letter_json(letter).decode() if self._as_json else dead_letter_line(letter)

    def _count(self, answer: Answer) -> None:
        if isinstance(answer, Decided):
            self.judged += 1
            self.flagged += bool(answer.decision.matches)
        else:
            self.unread += 1
