"""What a person reads of decisions: a line for each, a progress bar, an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.ports import Hooks
from pipeline.wire import DeadLetter, Decision, Record, parse_decision, read_dead_letter

COLOURS = {"allow": "green", "label": "cyan", "review": "yellow", "block": "red", "unread": "magenta"}
UNREADABLE, FLAGGED = 2, 1


def decision_line(decision: Decision) -> str:
    """One decision as one line of rich markup: verdict, the score that decided, policy, prompt, image."""
    colour = COLOURS[decision.verdict]
    start = f"[{colour}]{decision.verdict:<6}[/]"
    if decision.matches:
        first = decision.matches[0]
        also = "".join(f" +{match.policy}" for match in decision.matches[1:])
        why = f"{first.score:.2f} {first.policy}{also}"
        return f"{start} {why:<28} {escape(decision.image_id)}  [dim]{escape(repr(first.prompt))}[/]"
    highest = max(decision.scores.items(), key=lambda pair: pair[1], default=("", 0.0))
    return f"{start} [dim]{highest[1]:.2f} {highest[0]:<23}[/] {escape(decision.image_id)}"


def dead_letter_line(letter: DeadLetter) -> str:
    """One dead letter as one line of rich markup."""
    return (
        f"[{COLOURS['unread']}]unread[/]      {letter.reason:<23} {escape(letter.image_id)}"
        f"  [dim]{escape(letter.message)}[/]"
    )


class _Console(Console):
    """Lets a reader that went away (head, less) be told from a failure."""

    def on_broken_pipe(self) -> None:
        """Go on raising."""
        raise BrokenPipeError


class ScanReport(Hooks):
    """A `Publisher` that prints each decision as it comes, in order, and remembers the worst of them."""

    def __init__(self, total: int, dead_letters_topic: str, *, as_json: bool) -> None:
        self._dead_letters_topic = dead_letters_topic
        self._as_json = as_json
        self._out = _Console(highlight=False, soft_wrap=True)
        stderr = Console(stderr=True)
        columns = (TextColumn("scanning"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        self._task = self._progress.add_task("scan", total=total)
        self.exit_status = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def publish(self, records: Sequence[Record]) -> None:
        """Print the records."""
        for record in records:
            if record.topic == self._dead_letters_topic:
                letter = read_dead_letter(record)
                self._print(msgspec.json.encode(letter), dead_letter_line(letter))
                self.exit_status = UNREADABLE
                continue
            decision = parse_decision(record.value or b"")
            self._print(record.value or b"", decision_line(decision))
            if decision.matches:
                self.exit_status = max(self.exit_status, FLAGGED)
        self._progress.advance(self._task, len(records))

    def close(self) -> None:
        """Nothing is held."""

    def _print(self, as_json: bytes, line: str) -> None:
        if self._as_json:
            sys.stdout.write(as_json.decode() + "\n")
        else:
            self._out.print(line)
