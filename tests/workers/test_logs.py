"""Log lines of several processes on one stream: each whole, each with the name of its process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.services.processes import child_env, python

SPEAKER = """
import logging, sys, threading, structlog
from workers.logs import configure_logging, name_this_process
configure_logging("info", "json")
if sys.argv[1:]:
    name_this_process(sys.argv[1])
log = structlog.get_logger()
def speak():
    for number in range(200):
        log.info("spoke", number=number)
speak()
thread = threading.Thread(target=speak)
thread.start()
thread.join()
logging.getLogger("a.library").error("failed")
"""


def spoken(folder: Path, *names: str) -> list[dict[str, object]]:
    """What processes of these names write to one file, in the order in which it came."""
    path = folder / "log"
    with path.open("ab") as log:
        processes = [
            subprocess.Popen(python("-c", SPEAKER, *([name] if name else [])), stderr=log, env=child_env())
            for name in names
        ]
        for process in processes:
            assert process.wait(60) == 0
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_stay_whole_and_say_who_wrote_them_on_every_thread_and_of_every_library(tmp_path: Path) -> None:
    names = [f"moderator-{number}" for number in range(3)]
    lines = spoken(tmp_path, *names)
    for name in names:
        events = [line["event"] for line in lines if line["process"] == name]
        assert events == ["spoke"] * 400 + ["failed"]


def test_a_process_alone_has_no_name(tmp_path: Path) -> None:
    assert all("process" not in line for line in spoken(tmp_path, ""))
