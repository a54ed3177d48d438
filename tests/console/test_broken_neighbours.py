"""What the pages of policies know and ask while another file of the folder is broken."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import httpx2
import pytest

from pipeline.adapters.local.policy_folder import look_at
from tests.console.test_policies import EDITOR, PICTURES, WEAPONS, Desk, desk, settings
from workers.console.policies import trial
from workers.console.policies.holding import holding

__all__ = ["desk", "settings"]
BROKEN = "title: ["
WIDE = WEAPONS.replace("review: 0.30", "review: 0")


def held(folder: Path) -> list[str]:
    return [each.id for each in holding(look_at(folder)).policy_set.policies]


def test_what_holds_of_a_folder_is_every_policy_whose_own_file_does(tmp_path: Path) -> None:
    (tmp_path / "weapons.yaml").write_text(WEAPONS)
    (tmp_path / "gore.yaml").write_text(BROKEN)
    (tmp_path / "gore-next.yaml").write_text(WEAPONS.replace("enforce", "shadow") + "shadow_of: gore\n")
    (tmp_path / "weapons.yml").write_text(WEAPONS)
    (tmp_path / "Wrong.yaml").write_text(WEAPONS)
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "gone-next.yaml").write_text(WEAPONS.replace("enforce", "shadow") + "shadow_of: gone\n")
    assert held(tmp_path) == ["gone-next", "gore-next", "weapons"]
    assert not holding(look_at(tmp_path)).shared
    (tmp_path / "_defaults.yaml").write_text("background: nowhere.txt\n")
    assert held(tmp_path) == ["gone-next", "gore-next", "weapons"]
    [wrong, *_] = holding(look_at(tmp_path)).shared
    assert "nowhere.txt" in str(wrong)
    assert held(tmp_path / "nowhere") == []


def test_an_absurd_policy_is_asked_about_although_another_file_is_broken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TELLING", len(PICTURES))
    (desk.folder / "gore.yaml").write_text(BROKEN)
    form = {"text": WIDE, "base": sha256(WEAPONS.encode()).hexdigest()}
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR, timeout=60) as ed:
        tried = ed.post("/policies/weapons/try", data=form).text
        assert "5 of 5" in tried
        assert "saving it asks once more" in tried
        said = ed.post("/policies/weapons/save", data=form)
        assert said.status_code == 422
        assert "would flag 100%" in said.text
        assert desk.weapons.read_text() == WEAPONS
        sure = form | {"sure": sha256(WIDE.encode()).hexdigest()[:16]}
        assert ed.post("/policies/weapons/save", data=sure).status_code == 303
    assert desk.weapons.read_text() == WIDE


def test_what_cannot_be_tried_is_saved_by_a_second_yes_that_says_why(desk: Desk) -> None:
    (desk.folder / "_defaults.yaml").write_text(BROKEN)
    text = WEAPONS.replace("0.30", "0.40")
    form = {"text": text, "base": sha256(WEAPONS.encode()).hexdigest()}
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR, timeout=60) as ed:
        said = ed.post("/policies/weapons/save", data=form)
        assert said.status_code == 422
        assert "it cannot be tried now" in said.text
        assert "_defaults.yaml" in said.text
        assert "It is meant, though it was not tried" in said.text
        assert desk.weapons.read_text() == WEAPONS
        sure = form | {"sure": sha256(text.encode()).hexdigest()[:16]}
        assert ed.post("/policies/weapons/save", data=sure).status_code == 303
        shadow = {"text": text.replace("enforce", "shadow"), "base": sha256(text.encode()).hexdigest()}
        assert ed.post("/policies/weapons/save", data=shadow).status_code == 303
