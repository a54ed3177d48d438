"""Runs files in processes that may die or hang: each file that one does so on is told, and the others go on."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from tests.fuzz.child import serve
from tests.fuzz.files import file
from tests.fuzz.outcome import Outcome

CHUNK = 20
RETURNS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000", "MALLOC_TRIM_THRESHOLD_": "4000000"}
"""Has the C library give back what is freed, so that the memory of each image shows and no other finds it there."""
HANGS = 120.0
"""Wall seconds after which a file hangs: many times its cap of CPU, on a machine that others share."""
IN_A_ROW = 20
"""Files that processes may be lost at with none between that went through; then it is no file's doing."""
STARTS = 300.0
"""Wall seconds for a process to be ready."""


@dataclass
class _Child:
    number: int
    process: BaseProcess
    pipe: Connection
    since: float
    waiting: list[int]
    current: int | None = None
    ready: bool = False


class Fuzzing:
    """Sends indices to `count` processes and yields outcomes as they come."""

    def __init__(
        self,
        seed: int,
        indices: Iterator[int],
        count: int,
        *,
        hangs: float = HANGS,
        context: BaseContext | None = None,
    ) -> None:
        self._seed = seed
        self._indices = indices
        self._hangs = hangs
        self._context = context or multiprocessing.get_context("spawn")
        os.environ |= RETURNS_MEMORY
        self._started = 0
        self._children: list[_Child] = []
        self._count = count
        self._in_a_row = 0

    def outcomes(self) -> Iterator[Outcome]:
        """Every file's outcome. Closing the generator ends the processes."""
        try:
            self._children = [child for _ in range(self._count) if (child := self._start(self._next())) is not None]
            while self._children:
                ready = wait([child.pipe for child in self._children], timeout=1.0)
                for child in list(self._children):
                    if child.pipe in ready:
                        yield from self._heard(child)
                    elif time.monotonic() - child.since > (self._hangs if child.current is not None else STARTS):
                        yield from self._lost(child, "hangs")
        finally:
            for child in self._children:
                _end(child)

    def _next(self) -> list[int]:
        return list(islice(self._indices, CHUNK))

    def _start(self, indices: list[int]) -> _Child | None:
        if not indices:
            return None
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self._seed, self._started), daemon=False)
        process.start()
        theirs.close()
        ours.send(indices)
        self._started += 1
        return _Child(self._started - 1, process, ours, time.monotonic(), indices)

    def _heard(self, child: _Child) -> Iterator[Outcome]:
        try:
            said = child.pipe.recv()
        except (EOFError, OSError):
            yield from self._lost(child, "crashes")
            return
        child.since = time.monotonic()
        if isinstance(said, int):
            child.current = said
        elif isinstance(said, Outcome):
            child.waiting.remove(said.index)
            child.current = None
            self._in_a_row = 0
            yield said
        else:
            self._go_on(child)

    def _go_on(self, child: _Child) -> None:
        child.waiting = self._next()
        if child.waiting:
            child.pipe.send(child.waiting)
            return
        child.pipe.send(None)
        child.process.join(STARTS)
        self._children.remove(child)
        _end(child)

    def _lost(self, child: _Child, how: str) -> Iterator[Outcome]:
        """A process is gone or hangs: the file that it was at is the culprit, the others go to a new one."""
        self._children.remove(child)
        seconds = time.monotonic() - child.since
        _end(child)
        self._in_a_row += 1
        if child.current is None or self._in_a_row > IN_A_ROW:
            raise RuntimeError(f"processes of the fuzzer {how} whatever the file: exit code {child.process.exitcode}")
        made = file(self._seed, child.current)
        words = f"{how}: exit code {child.process.exitcode} after {seconds:.1f} s"
        cost = (seconds, seconds, 0, 0, None, None)
        yield Outcome(
            made.index, made.format, made.kind, made.maker, len(made.data), how, words, *cost, words, child.number
        )
        left = [index for index in child.waiting if index != child.current]
        again = self._start(left or self._next())
        if again is not None:
            self._children.append(again)


def _end(child: _Child) -> None:
    child.pipe.close()
    child.process.join(5.0)
    if child.process.is_alive():
        child.process.kill()
        child.process.join()
