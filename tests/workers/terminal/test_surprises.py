"""What Python prints by itself is shown and not obeyed."""

from __future__ import annotations

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
