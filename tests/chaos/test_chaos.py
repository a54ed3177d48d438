"""Two minutes of chaos with a seed that stays the same: what hours of it have found must not come back unseen."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.audit import audit
from tests.chaos.faults import FAULTS
from tests.chaos.plan import Plan
from tests.chaos.report import figures, show
from tests.chaos.run import run
from tests.conftest import had_or_skipped

LONG = {"broker-away-90", "broker-away-30"}
"""Faults that would take most of the two minutes."""
SEED = 12


@pytest.mark.services
def test_two_minutes_of_chaos_break_no_promise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(minutes=2, seed=SEED, faults=tuple(name for name in FAULTS if name not in LONG))
    told: list[str] = []
    evidence = had_or_skipped(lambda: run(plan, tmp_path / "chaos", told.append))
    breaches = audit(evidence)
    show(Console(width=120), figures(plan, evidence, breaches))
    shown = capsys.readouterr().out
    assert not any(breaches.values()), "\n".join([shown, *told])
    assert len(evidence.rounds) > 1
    assert len(evidence.sent) > 100
