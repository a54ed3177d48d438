"""``sluice bench`` measures everything it says, and its figures fit together; how fast it is, no test says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.e2e.policies_under_test import write_policies
from tests.e2e.tiny_model import make_tiny_model
from workers.bench import latency, limits, peers, prompts, rounds, starts
from workers.commands.bench.pipeline import pipeline

APP = typer.Typer()
APP.command()(pipeline)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for moments: what is tested here is that it is measured, and not what comes out."""
    for module, seconds in ((limits, 0.05), (latency, 1.0), (peers, 0.1), (prompts, 0.05)):
        monkeypatch.setattr(module, "SECONDS", seconds)
    monkeypatch.setattr(latency, "ARRIVALS", 1)
    monkeypatch.setattr(latency, "RUNS", 1)
    monkeypatch.setattr(rounds, "ROUNDS", 1)
    monkeypatch.setattr(starts, "ROUNDS", 1)


@pytest.mark.usefixtures("hasty")
def test_its_figures_fit_together(tmp_path: Path) -> None:
    model, policies = make_tiny_model(tmp_path / "tiny"), write_policies(tmp_path / "policies")
    options = ["--model", model, "--policies", str(policies), "--device", "cpu", "--max-batch", "8"]
    small = ["--count", "60", "--width", "160", "--height", "120", "--size", "4000"]
    result = CliRunner().invoke(APP, [*options, *small, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)

    assert {each["batch"] for each in found["forward"]} == {1, 2, 4, 8}
    assert found["memory"]["efficiency"] == pytest.approx(
        found["memory"]["images_per_second"] / found["memory"]["bound_images_per_second"], abs=0.01
    )
    assert "cores / (forward" in found["memory"]["arithmetic"]
    assert [each["load"] for each in found["latency"]] == [0.5, 0.8, 1.0]
    for each in found["latency"]:
        assert 0 < each["p50"] <= each["p95"] <= each["p99"]
    assert set(found["peers"]) == {"tutorial", "dataloader"}
    assert 0 < found["prompts_10000"]["share_of_scoring"] < 1
    assert found["start_to_first_decision"]["seconds"] > 0
    assert found["start_to_first_decision"]["peak_mib"] > 50
