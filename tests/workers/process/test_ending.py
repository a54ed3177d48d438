"""How a process leaves: its threads waited for, its endings run, its words written, and nothing taken apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def ended(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


READS_ON = """
import io, sys, time
import pyarrow as pa
from pyarrow import csv
from workers.entry import main

class Slow(io.BytesIO):
    reads = 0
    def read(self, size=-1):
        Slow.reads += 1
        if Slow.reads > 2:
            time.sleep(1)
        return super().read(size)

rows = pa.PythonFile(Slow(b"a,b\\n" + b"1,2\\n" * 1_000_000), mode="r")
reader = csv.open_csv(rows, csv.ReadOptions(block_size=1 << 16))
reader.read_next_batch()
sys.argv = ["sluice", *WORDS]
main()
"""
"""A thread of Arrow's is inside a file of Python's, and will be when the command is through."""


@pytest.mark.parametrize(("words", "status"), [(["--version"], 0), (["no-such-command"], 2)])
def test_a_library_that_still_reads_does_not_change_the_end(words: list[str], status: int) -> None:
    done = ended(READS_ON.replace("*WORDS", f"*{words!r}"))
    assert (done.returncode, done.stderr.count("Fatal"), bool(done.stdout)) == (status, 0, status == 0), done.stderr


ORDERLY = """
import atexit, sys, threading, time
from workers.process.ending import no_teardown
class Model:
    def __del__(self): print("taken apart")
model = Model()
with no_teardown():
    atexit.register(lambda: sys.stdout.write("put away\\n"))
    threading.Thread(target=lambda: (time.sleep(0.5), print("waited for"))).start()
    ENDS
"""


@pytest.mark.parametrize(
    ("ends", "status"),
    [("pass", 0), ("sys.exit()", 0), ("sys.exit(7)", 7), ("sys.exit('sorry')", 1), ("raise ValueError('bad')", 1)],
)
def test_an_end_waits_for_threads_puts_away_prints_and_leaves_the_rest_to_the_kernel(ends: str, status: int) -> None:
    done = ended(ORDERLY.replace("ENDS", ends))
    assert (done.returncode, done.stdout.split("\n")) == (status, ["waited for", "put away", ""])
    assert done.stderr.splitlines()[-1:] == {7: [], 0: []}.get(
        status, ["sorry"] if "sorry" in ends else ["ValueError: bad"]
    )


def test_what_cannot_be_printed_at_the_end_is_said() -> None:
    code = "from workers.process.ending import no_teardown\nwith no_teardown(): print('lost')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0
    assert b"No space left on device" in done.stderr
