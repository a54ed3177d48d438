"""Log lines of several processes on one stream: each whole, each with its process; and streams that are broken."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.services.processes import ROOT, child_env, python
from workers.process.logs import MORE, OF_A_LIBRARY, OF_OURS

SPEAKER = """
import logging, sys, threading, structlog
from workers.process.logs import configure_logging, name_this_process
configure_logging("info", "json")
if sys.argv[1:]:
    name_this_process(sys.argv[1])
log = structlog.get_logger()
def speak():
    for number in range(40):
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
        assert events == ["spoke"] * 80 + ["failed"]


def test_a_process_alone_has_no_name(tmp_path: Path) -> None:
    assert all("process" not in line for line in spoken(tmp_path, ""))


SURVIVOR = """
import logging, os, sys, threading, warnings, structlog
from workers.process.streams import stand_on_firm_ground, stderr
stand_on_firm_ground()
from workers.process.logs import configure_logging
configure_logging(sys.argv[1], sys.argv[2])
lost = []
stderr.report_to(lost.append)
class Odd:
    def __repr__(self): raise RuntimeError("no repr")
def speak():
    structlog.get_logger().error("spoke", text="\\ud800", raw=b"\\xff")
    structlog.get_logger().error("cannot be rendered", odd=Odd(), **{"event_": Odd()})
    logging.getLogger("a.library").error("%d of %s", "not a number")
    logging.getLogger("a.library").error("failed")
    print("plain", file=sys.stderr)
    warnings.warn("beware")
    from rich.console import Console
    from rich.progress import Progress
    console = Console(stderr=True)
    console.print("rich")
    with console.status("waiting"), open(os.devnull):
        pass
thread = threading.Thread(target=speak)
thread.start()
thread.join()
speak()
print(sum(lost))
"""
BROKEN = ["2>&-", "2>/dev/full", "2>&1 >&3 3>&- | true"]


def survive(redirection: str, form: str, folder: Path) -> int:
    """The number of lines lost, which it prints; it must end well."""
    script = folder / "survivor.py"
    script.write_text(SURVIVOR)
    command = f"{shlex.join(python(str(script), 'info', form))} {redirection}"
    wrapped = f"set -o pipefail; exec 3>&1; {command}"
    env = child_env({"PYTHONPATH": str(ROOT)})
    done = subprocess.run(["bash", "-c", wrapped], stdout=subprocess.PIPE, env=env, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("redirection", BROKEN)
def test_nobody_who_logs_notices_that_stderr_cannot_be_written(redirection: str, form: str, tmp_path: Path) -> None:
    lost = survive(redirection, form, tmp_path)
    # What goes to a closed descriptor is nobody's wish to read: it is /dev/null then, and takes all.
    assert lost >= (2 if redirection == "2>&-" else 10)


def test_what_can_be_written_loses_only_what_cannot_be_rendered(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert survive(f"2>{log}", "console", tmp_path) == 4
    text = log.read_text()
    assert text.count("spoke") == text.count("plain") == text.count("failed") == text.count("rich") == 2


def test_what_we_start_finds_a_stream_where_ours_was_closed() -> None:
    """Decode processes took the descriptor for a socket, and no worker could start whose stderr was closed."""
    code = """
import subprocess, sys
from workers.process.streams import stand_on_firm_ground
stand_on_firm_ground()
sys.exit(subprocess.run([sys.executable, "-c", "import os; [os.fstat(fd) for fd in (0, 1, 2)]"]).returncode)
"""
    for closed in ("2>&-", "1>&-", "0<&-", "0<&- 1>&- 2>&-"):
        command = f"{shlex.join(python('-c', code))} {closed}"
        subprocess.run(["bash", "-c", command], env=child_env(), cwd=ROOT, timeout=60, check=True)


def test_a_closed_stderr_is_not_taken_by_the_next_file(tmp_path: Path) -> None:
    """Or an error would be written into it."""
    precious = tmp_path / "precious"
    code = f"""
import os, sys
from workers.process.streams import stand_on_firm_ground
stand_on_firm_ground()
fd = os.open({str(precious)!r}, os.O_CREAT | os.O_WRONLY)
os.write(2, b"an error of a library in C")
print("an error", file=sys.stderr)
sys.exit(fd <= 2)
"""
    for closed in ("2>&-", "0<&-", "1>&-", "0<&- 1>&- 2>&-"):
        command = f"{shlex.join(python('-c', code))} {closed}"
        subprocess.run(["bash", "-c", command], env=child_env(), cwd=ROOT, timeout=60, check=True)
        assert precious.read_bytes() == b""


def test_a_service_does_not_wait_for_a_reader_who_does_not_read(tmp_path: Path) -> None:
    code = """
import sys, time
from workers.process.streams import stand_on_firm_ground, stderr
stand_on_firm_ground()
stderr.wait_no_longer_than(0.3)
lost = []
stderr.report_to(lost.append)
for _ in range(3000):
    sys.stderr.write("x" * 99 + "\\n")
print(sum(lost), flush=True)
sys.stdin.readline()
print("again", file=sys.stderr)
print(sum(lost), flush=True)
"""
    with subprocess.Popen(
        python("-c", code), stdin=-1, stdout=-1, stderr=-1, text=True, env=child_env(), cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        lost = int(process.stdout.readline())
        assert lost > 2000
        kept = process.stderr.read(100 * (3000 - lost))
        process.stdin.write("\n")
        process.stdin.close()
        assert int(process.stdout.readline()) == lost, "once it is read again, nothing more is lost"
        assert process.stderr.read() == "again\n"
        assert set(kept.split()) == {"x" * 99}
        assert process.wait(60) == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["config", "show"], ["--version"]])
def test_a_result_that_cannot_be_written_is_one_line_and_no_success(words: list[str], unbuffered: str) -> None:
    command = f"{shlex.join(python('-m', 'workers', *words))} >/dev/full"
    env = child_env({"PYTHONUNBUFFERED": unbuffered})
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=env, cwd=ROOT, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "sluice: standard output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_gone_is_not_complained_of(unbuffered: str) -> None:
    command = f"set -o pipefail; {shlex.join(python('-m', 'workers', 'config', 'show'))} | true"
    env = child_env({"PYTHONUNBUFFERED": unbuffered})
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=env, cwd=ROOT, timeout=60, check=False
    )
    assert done.stderr == ""


def test_what_is_printed_is_written_at_once_where_python_is_unbuffered() -> None:
    code = """
import sys
from workers.process.streams import stand_on_firm_ground
stand_on_firm_ground()
sys.stdout.write("now")
sys.stdin.readline()
sys.stdout.write("x" * 300_000)
"""
    with subprocess.Popen(python("-c", code), stdin=-1, stdout=-1, text=True, env=child_env(), cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read(3) == "now"
        process.stdin.close()
        assert process.stdout.read() == "x" * 300_000


FLOOD = """
import logging, structlog
from workers.process.logs import configure_logging, report_library_errors
configure_logging("info", "json")
report_library_errors()
library = logging.getLogger("kafka.conn")
for number in range(900):
    library.error("<node %s>: connect attempt failed: %s", number, ConnectionRefusedError(111))
    library.error(f"Bootstrap attempt to bootstrap-{number} failed (backoff {number / 7:.2f} secs)")
library.error("something else")
for number in range(150):
    structlog.get_logger().info("spoke", number=number)
"""


def test_a_library_that_says_the_same_again_and_again_is_summed_up() -> None:
    done = subprocess.run(
        python("-c", FLOOD), capture_output=True, text=True, env=child_env(), cwd=ROOT, timeout=60, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    written = [line["event"] for line in lines]
    assert sum("connect attempt failed" in event for event in written) == OF_A_LIBRARY
    assert sum("Bootstrap attempt" in event for event in written) == OF_A_LIBRARY
    assert "something else" in written
    assert written.count("spoke") == OF_OURS
    more = {line["like"].partition(":")[0]: (line["lines"], line["level"]) for line in lines if line["event"] == MORE}
    assert more == {
        "<node 0>": (900 - OF_A_LIBRARY, "error"),
        "Bootstrap attempt to bootstrap-0 failed (backoff 0.00 secs)": (900 - OF_A_LIBRARY, "error"),
        "spoke": (150 - OF_OURS, "info"),
    }


HOSTILE = """
import logging, sys, structlog
from workers.process.logs import configure_logging
configure_logging("info", sys.argv[1])
text = "\\x1b[2J\\x9b1m\\u202e\\u200b\\nforged"
class Odd:
    def __repr__(self): return text
log = structlog.get_logger()
log.info("said", text=text, spaced="a b " + text, odd=Odd(), nested={"a": [text]})
log.info(text)
logging.getLogger("a.library").error("%s of", text)
for logger in (log, logging.getLogger("a.library")):
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("failed")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_strangers_wrote_is_shown_in_a_log_and_never_obeyed(form: str) -> None:
    command = python("-c", HOSTILE, form)
    done = subprocess.run(command, capture_output=True, env=child_env(), cwd=ROOT, timeout=60, check=True)
    said = done.stderr.decode()
    assert not {"\x1b", "\x9b", "\u202e", "\u200b"} & set(said)
    assert said.count("\\u202e") >= 7
    if form == "json":
        assert [json.loads(line) for line in said.splitlines()]
    else:
        assert not [line for line in said.splitlines() if line.startswith("forged")]


NETWORK = """
import logging
from workers.process.logs import configure_logging, report_library_errors
configure_logging("info", "json")
report_library_errors()
for error in (ConnectionResetError(104, "Connection reset by peer"), ValueError("a bug of theirs")):
    try:
        raise error
    except Exception:
        logging.getLogger("kafka.net.transport").exception("Error receiving %s", "data")
"""


def test_what_the_network_does_to_a_library_is_one_line_and_a_bug_keeps_its_traceback() -> None:
    """A broker that is killed resets every connection, and each was a traceback in every log."""
    done = subprocess.run(
        python("-c", NETWORK), capture_output=True, text=True, env=child_env(), cwd=ROOT, timeout=60, check=True
    )
    reset, bug = (json.loads(line) for line in done.stderr.splitlines())
    assert reset["event"] == "Error receiving data: ConnectionResetError: [Errno 104] Connection reset by peer"
    assert "exception" not in reset
    assert "Traceback" in bug["exception"]


NUMBERS = """
import structlog
from workers.process.logs import configure_logging

configure_logging("info", "json")
structlog.get_logger().info("counted", share=float("nan"), most=[1.5, float("inf")], by={"a": float("-inf")}, n=1)
"""


def test_a_number_that_json_does_not_know_is_text() -> None:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    done = subprocess.run(
        python("-c", NUMBERS), capture_output=True, text=True, env=child_env(), cwd=ROOT, timeout=60, check=True
    )
    said = json.loads(done.stderr, parse_constant=refuse)
    assert (said["share"], said["most"], said["by"], said["n"]) == ("nan", [1.5, "inf"], {"a": "-inf"}, 1)
