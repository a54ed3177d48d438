"""A bar over segments that are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from pipeline.archive.archive import Block, Segment
from workers.terminal.console import Terminal


@contextmanager
def reading(terminal: Terminal, what: str, segments: Sequence[Segment]) -> Iterator[Callable[[Block], object]]:
    """A bar over their bytes; what it gives is told of each block, which counts by its share of its segment."""
    with terminal.progress(TextColumn(what), BarColumn(), TimeRemainingColumn()) as bars:
        task = bars.add_task("", total=sum(segment.stored.bytes for segment in segments))
        yield lambda block: bars.advance(
            task, block.segment.stored.bytes * len(block.rows) / max(block.contents.rows, 1)
        )
