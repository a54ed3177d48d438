"""The demo's last words take whatever a policy, a prompt or a path says."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.demo.summary import print_summary

HOSTILE = "[/] [red]x[/red]\x1b]0;t\x07\u202ey\nforged :skull:"


def test_names_and_prompts_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    flagged = {"image": HOSTILE, "verdict": "block", "policy": HOSTILE, "score": 0.9, "prompt": HOSTILE}
    figures = {
        "images": 1,
        "verdicts": {"block": 1},
        "matches": {HOSTILE: 1},
        "shadow": {},
        "dead_letters": {},
        "seconds_to_ready": 1.0,
        "images_per_second": 1.0,
        "latency_p50": 0.1,
        "latency_p95": 0.1,
        "text_cache": {"hit": 1, "miss": 0},
        "model": {"name": HOSTILE, "fingerprint": "f", "dtype": "float32"},
        "policy_set": "0123456789ab",
        "flagged": [flagged],
    }
    for as_json in (False, True):
        print_summary(figures, Path("[/]\x9b"), as_json=as_json)
        said = capsys.readouterr().out
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
        assert "[/]" in said
        assert not [line for line in said.splitlines() if line.startswith("forged")]
