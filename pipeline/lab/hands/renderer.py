"""Draws SVG files in a process of its own, so that one that hangs or crashes the renderer costs that drawing alone.

A drawing may ask for a million octaves of noise, or nest twenty thousand groups and overflow the renderer's stack. No
list of what is too much would be whole, and a thread can be neither stopped nor outlived.
"""

from __future__ import annotations

import signal
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from PIL import Image

from pipeline.errors import UsageError
from pipeline.extras import install
from pipeline.lab.hands.svg import DrawingError, render

PATIENCE = 20.0
"""Seconds for one drawing, and for the process to start. The slowest of some thousand emoji takes a fifth of one."""
_SPAWN = get_context("spawn")  # a fork would inherit torch's threads as locks that nobody opens


class Renderer:
    """A renderer of drawings, each ``size`` pixels a side; a context manager. Used by one thread."""

    def __init__(self, size: int, patience: float = PATIENCE) -> None:
        self._size = size
        self._patience = patience
        self._process: Any = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def render(self, data: bytes) -> Image.Image:
        """RGBA, as `svg.render`. Raises `DrawingError`, also for a drawing that takes too long or breaks all."""
        try:
            pipe = self._pipe or self._start()
            pipe.send_bytes(data)
            if not pipe.poll(self._patience):
                self._end()
                raise DrawingError(f"an SVG that takes more than {self._patience:g} s to draw")
            said = pipe.recv()
        except (EOFError, OSError):
            self._end()
            raise DrawingError("an SVG that crashes the renderer") from None
        if isinstance(said, str):
            raise DrawingError(said)
        return Image.frombytes("RGBA", (self._size, self._size), said)

    def _start(self) -> Connection:
        if find_spec("resvg_py") is None:
            raise UsageError(f"drawings that are SVG files need resvg: {install('hands')}")
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, self._size), daemon=True)
        self._process.start()
        theirs.close()
        try:
            if not self._pipe.poll(self._patience):
                raise UsageError(f"the process that draws SVG files did not start within {self._patience:g} s")
            self._pipe.recv()
        except EOFError as error:
            raise UsageError("the process that draws SVG files ended before it began; it says why above") from error
        return self._pipe

    def _end(self) -> None:
        if self._pipe is not None and self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None


def _serve(pipe: Connection, size: int) -> None:
    """Draw what comes until nothing more does: pixels are answered, or what is wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command; this ends with its pipe
    pipe.send(None)
    while True:
        try:
            data = pipe.recv_bytes()
        except EOFError:
            return
        try:
            pipe.send(render(data, size).tobytes())
        except DrawingError as error:
            pipe.send(str(error))
