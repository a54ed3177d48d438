"""Native code that keeps the interpreter's lock is named, though nothing written in Python can run."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.services.processes import ChildProcess, python

HOLD = """
import ctypes, threading, time
from workers.health.interpreter import watch_interpreter

watch_interpreter(held=1.0)
print("started", flush=True)
time.sleep(3)  # lets others run: nothing to say

def decode_for_ever():
    ctypes.PyDLL(None).sleep(4)  # PyDLL: without letting go of the lock

def more():
    decode_for_ever()

more()
print("over", flush=True)
time.sleep(2)
"""


def test_who_keeps_the_lock_is_written_to_stderr_once_and_nothing_while_all_have_their_turn(
    start_process: Callable[..., ChildProcess],
) -> None:
    process = start_process(python("-c", HOLD))
    assert process.wait(60) == 0
    said = process.stderr()
    assert said.count("Timeout (") == 1, said
    assert re.search(r"in decode_for_ever\n.* in more\n", said)
