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
    """From now on processes that libraries start, such as a data loader's, import nothing from there either."""
    os.environ["PYTHONSAFEPATH"] = "1"


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's garbage collector rests within, and until the process ends leaves alone what was made meanwhile.

    Importing torch and open_clip makes 700,000 objects that live as long as the process. The collector would go
    through all of them again and again while they become more: a fifth of the CPU time of ``import open_clip``, and a
    tenth of that of ``sluice worker --help``, for nothing. Reference counting goes on.
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
    """Let Python free everything as it ends: libraries complain on stderr of what it leaves.

    The collector is turned off because Python would then collect twice; once it does so in any case.
    """
    gc.unfreeze()
    gc.disable()
