"""Shipped policies and `sluice scan`: what a turn hides is found by a second look, and the answer tells how."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.e2e.answers import schema_problems
from tests.workers.commands.conftest import Sluice, sluice

__all__ = ["sluice"]
SAMPLE = Path(__file__).parents[2] / "policies" / "samples" / "dagger-01.jpg"


def test_a_turned_dagger_is_found_with_second_looks_and_not_without(sluice: Sluice, tmp_path: Path) -> None:
    Image.open(SAMPLE).convert("RGB").rotate(90, expand=True).save(tmp_path / "turned.jpg", quality=92)
    plain = sluice("scan", "turned.jpg", "--json", "--dtype", "float32")
    (before,) = plain.objects
    assert (plain.status, before["verdict"], before["notes"]) == (0, "allow", [])
    for look in ("turns", "all"):
        (found,) = sluice("scan", "turned.jpg", "--json", "--dtype", "float32", "--second-look", look).objects
        assert schema_problems(found) == []
        (match,) = found["matches"]  # type: ignore[attr-defined]
        assert (match["policy"], match["evidence"]["view"]["turned"]) == ("weapons", "90")
        assert found["scores"].keys() == before["scores"].keys()  # type: ignore[attr-defined]
