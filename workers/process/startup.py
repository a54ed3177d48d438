"""How processes of ours are started, and what makes a start shorter without doing less."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def python(*arguments: str) -> list[str]:
    """The command line of this very interpreter, for a process of ours; give it `settings.own_environment`.

    With ``-P`` it imports nothing from the current directory, whatever lies there: a folder ``workers``, a
    ``logging.py``.
    """
    return [sys.executable, "-P", *arguments]


def import_nothing_from_here() -> None:
    """The same for the processes that libraries start, such as a data loader's."""
    os.environ["PYTHONSAFEPATH"] = "1"


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's garbage collector rests within, and until the process ends leaves alone what was made meanwhile.

    Importing torch and open_clip makes 700,000 objects that live as long as the process. The collector would go
    through all of them again and again while they become more: a fifth of the CPU time of ``import open_clip``, for
    nothing. Reference counting frees as ever.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(_end)
        if was_on:
            gc.enable()


def _end() -> None:
    """Let Python free everything: libraries complain on stderr of what it leaves.

    Once is enough: as it ends, it collects a first time only where the collector is on, and then again in any case.
    """
    gc.unfreeze()
    gc.disable()
