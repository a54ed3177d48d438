"""The card states the run and the figures that were measured."""

from __future__ import annotations

from pathlib import Path

from pipeline.lab.card import CARD_FILE, Facts, write_card
from pipeline.lab.evaluate import Report
from pipeline.lab.plan import Plan


def test_a_card_says_what_was_run_and_measured(tmp_path: Path) -> None:
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"x" * 1234)
    report = Report(top1=0.877, top5=0.98, scenes=2708, classes=1354)
    alone = Report(top1=0.912, top5=0.99, scenes=2708, classes=1354)
    plan = Plan(scenes=257, batch=256, seed=7)
    write_card(tmp_path, Facts(plan, report, alone, 5_915_129, 31.25, note="Interrupted twice."))
    card = (tmp_path / CARD_FILE).read_text(encoding="utf-8")
    for fact in (
        "--scenes 512 --batch 256 --seed 7",
        "87.7%",
        "98.0%",
        "91.2%",
        "2,708",
        "5,915,129",
        "1,234 bytes",
        "31.2",
    ):
        assert fact in card
    assert "Interrupted twice." in card
    assert "{" not in card
