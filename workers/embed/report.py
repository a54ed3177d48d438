"""What becomes of pictures that are embedded: their features are written, and those without are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.ports import Hooks
from pipeline.wire import Answer, Decided, dead_letter
from workers.embed.rows import of_pictures
from workers.embed.writers import Writer
from workers.scan.report import UNREAD, dead_letter_line
from workers.terminal.console import Terminal


class EmbedReport(Hooks):
    """A `Publisher` that writes the features of each answer and counts what came."""

    def __init__(self, terminal: Terminal, writer: Writer, advance: Callable[[int], object]) -> None:
        self._terminal = terminal
        self._writer = writer
        self._advance = advance
        self.embedded = self.unread = 0

    @property
    def exit_status(self) -> int:
        return UNREAD if self.unread else 0

    def __str__(self) -> str:
        return f"{self.embedded:,} embedded, {self.unread:,} unread"

    def publish(self, answers: Sequence[Answer]) -> None:
        """Write what the answers remember, in order."""
        found = [each.features for each in answers if isinstance(each, Decided) and each.features is not None]
        if found:
            self._writer.write(of_pictures(found))
        for answer in answers:
            if not isinstance(answer, Decided):
                self._terminal.note(dead_letter_line(dead_letter(answer)).plain)
        self.embedded += len(found)
        self.unread += len(answers) - len(found)
        self._advance(len(answers))

    def close(self) -> None:
        """The writer is closed by who opened it."""
