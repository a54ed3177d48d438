"""Room for connections beside all other files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workers.process.open_files import OTHERS

SHOWN = """
import resource
from workers.process.open_files import make_room_for
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
make_room_for({connections})
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "now"),
    [(1024, 4096, 1024 + OTHERS), (1024, 1100, 1100), (1024, 1024, 1024), (3000, 4096, 3000)],
    ids=["a shell's", "less allowed", "no more allowed", "more than enough"],
)
def test_there_is_room_for_connections_as_far_as_is_allowed(soft: int, hard: int, now: int) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SHOWN.format(soft=soft, hard=hard, connections=1024)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [int(each) for each in said.split()] == [now, hard]
