"""What Python prints by itself is shown and not obeyed."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.services.processes import ROOT, child_env, python

HOSTILE = "\\x1b[2J\\x9b\\u202e\\u200b"
WAYS = {
    "uncaught": f'raise ValueError("{HOSTILE}")',
    "in a thread": f"""
import threading
def fail(): raise ValueError("{HOSTILE}")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
""",
    "a warning": f'import warnings; warnings.warn("{HOSTILE}")',
}


@pytest.mark.parametrize("way", WAYS)
def test_errors_and_warnings_are_written_out(way: str) -> None:
    code = f"from workers.terminal.surprises import say_surprises_safely\nsay_surprises_safely()\n{WAYS[way]}"
    done = subprocess.run(python("-c", code), capture_output=True, env=child_env(), cwd=ROOT, timeout=60, check=False)
    said = done.stderr.decode()
    assert "\\x1b[2J\\x9b\\u202e\\u200b" in said
    assert not {"\x1b", "\x9b", "\u202e", "\u200b"} & set(said)
    assert done.returncode == (1 if way == "uncaught" else 0)


@pytest.mark.parametrize("way", WAYS)
def test_where_each_line_is_json_so_are_they(way: str) -> None:
    code = (
        "from workers.process.logs import configure_logging\n"
        "from workers.terminal.surprises import say_surprises_safely\n"
        f"say_surprises_safely()\nconfigure_logging('info', 'json')\n{WAYS[way]}"
    )
    done = subprocess.run(python("-c", code), capture_output=True, env=child_env(), cwd=ROOT, timeout=60, check=False)
    [said] = map(json.loads, done.stderr.splitlines())
    assert "\x1b[2J\x9b\u202e\u200b" in said["error"]
    assert (said["event"], said["level"]) == (
        ("warned", "warning") if way == "a warning" else ("uncaught", "critical")
    )


@pytest.mark.parametrize(
    "words",
    [
        ["scan", "absent.jpg"],
        ["decision", "some-id", "--archive", "absent"],
        ["encoder", "no.sock", "--model", "local-dir:absent", "--metrics-port", "0"],
    ],
    ids=" ".join,
)
def test_why_a_command_ends_is_json_where_the_log_is_and_a_line_elsewhere(
    words: list[str],
) -> None:
    command = python("-m", "workers", *words)
    env = child_env({"SLUICE_NO_SUCH_SETTING": "1"})
    done = subprocess.run(command, capture_output=True, env=env, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 2
    lines = done.stderr.decode().splitlines()
    assert [lines[0][:8], lines[-1][:8]] == ["sluice: ", "sluice: "]
    env |= {"SLUICE_LOG_FORMAT": "json"}
    done = subprocess.run(command, capture_output=True, env=env, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 2
    warned, *_, ended = map(json.loads, done.stderr.splitlines())
    assert (warned["event"], ended["event"]) == ("warned", "stopped")
    assert "SLUICE_NO_SUCH_SETTING" in warned["error"]
    assert "absent" in ended["error"]
