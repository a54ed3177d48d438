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
    """One line made of text and (text, style) pairs, whatever characters and markup are in them."""
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((one_line(text), style) for text, style in pairs))


class Screen(Console):
    """A rich console that writes control characters out, takes no markup, and raises at a closed pipe.

    Text is what it says, be it ``[red]`` or ``:smile:``: styles come from `told` alone.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, emoji=False, markup=False)
        plain = super().render_str
        self.render_str = lambda text, **how: plain(visible(text), **how)  # type: ignore[method-assign]

    def on_broken_pipe(self) -> None:
        """Raise, where rich would end the process with status 1."""
        raise ReaderGoneError


class Terminal:
    """Standard output and standard error; a command makes one.

    ``bars`` is ``out`` where both are terminals: rich then draws its bars below the results, and not into them.
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
        """Say something beside the results: above the bars on a terminal, else on stderr."""
        if self.bars.is_terminal:
            self.bars.print(told(line), soft_wrap=True)
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
        """A bar that counts up to ``total``; None where only `Counter.of` will tell it."""
        name = TextColumn("{task.description}", markup=False)
        with self.progress(name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bars:
            yield Counter(bars, one_line(what), total)

    @contextmanager
    def status(self, what: str) -> Iterator[None]:
        """Show what is waited for until it is there; nothing where there is no terminal."""
        if not self.bars.is_terminal:
            yield
            return
        with self.bars.status(told(what)):
            yield


class Counter:
    """How far one bar has come."""

    def __init__(self, bars: Progress, what: str, total: int | None) -> None:
        self._bars = bars
        self._task = bars.add_task(what, total=total)
        self._total = total or 0

    def advance(self, count: int = 1) -> None:
        self._bars.advance(self._task, count)

    def more(self, total: int, done: int) -> None:
        """So many more there are than was known, and so many more are done."""
        self._total += total
        self._bars.update(self._task, total=self._total, advance=done)

    def of(self, total: int) -> None:
        """Tell the bar its total once it is known."""
        self._bars.update(self._task, total=total)
