"""A terminal as commands use it: bars and results go through one console, so that nothing is written over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from workers.terminal.plain import ReaderGoneError, one_line, say, visible, visible_json


def told(*parts: str | tuple[str, str]) -> Text:
    """One line of text and (text, style) pairs, whatever is in them."""
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((one_line(text), style) for text, style in pairs))


class Screen(Console):
    """A rich console that shows control characters, takes ``:smile:`` for what it says, and knows a closed pipe."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, emoji=False)
        plain = super().render_str
        self.render_str = lambda text, **how: plain(visible(text), **how)  # type: ignore[method-assign]

    def on_broken_pipe(self) -> None:
        """Raise, where rich would end the process with status 1."""
        raise ReaderGoneError


class Terminal:
    """Standard output and standard error; a command makes one.

    Where both are one terminal, ``bars`` is ``out``: rich then draws its bars below what is printed, and not into it.
    """

    def __init__(self) -> None:
        self.out = Screen()
        self.err = Screen(stderr=True)
        self.bars = self.out if self.out.is_terminal and self.err.is_terminal else self.err

    def print(self, line: Text) -> None:
        """Print a result on a line of its own, however long it is. Raises `ReaderGoneError`."""
        self.out.print(line, soft_wrap=True)

    def json(self, line: str) -> None:
        """Print a result as one line of JSON. Raises `ReaderGoneError`."""
        line = visible_json(line)
        if self.out.is_terminal:
            self.out.out(line, highlight=False)
            return
        try:
            sys.stdout.write(line + "\n")
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def note(self, line: str) -> None:
        """Say something beside the results: on stderr, and above the bars."""
        if self.bars.is_terminal:
            self.bars.print(Text(visible(line)), soft_wrap=True)
        else:
            say(line, err=True)

    @contextmanager
    def progress(self, *columns: ProgressColumn, transient: bool = True) -> Iterator[Progress]:
        """Bars on a terminal; nothing elsewhere."""
        hidden = not self.bars.is_terminal
        with Progress(*columns, console=self.bars, transient=transient, disable=hidden) as bars:
            yield bars

    @contextmanager
    def counting(self, what: str, total: int | None = None) -> Iterator[Counter]:
        """A bar that counts up to a number, which need not be known yet."""
        name = TextColumn("{task.description}", markup=False)
        with self.progress(name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bars:
            yield Counter(bars, one_line(what), total)

    @contextmanager
    def status(self, what: str) -> Iterator[None]:
        """Say what is waited for, for as long as it takes; nothing where there is no terminal."""
        if not self.bars.is_terminal:
            yield
            return
        with self.bars.status(visible(what)):
            yield


class Counter:
    """What a bar is told."""

    def __init__(self, bars: Progress, what: str, total: int | None) -> None:
        self._bars = bars
        self._task = bars.add_task(what, total=total)

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self._bars.advance(self._task, count)

    def of(self, total: int) -> None:
        """Now it is known how many there are."""
        self._bars.update(self._task, total=total)
