"""How policies stand, by what their files and the workers say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import time

import httpx2
import pytest

from tests.console.served import Served, match
from tests.console.test_policies import WEAPONS
from workers.console.policies.standing import folder_of
from workers.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name, mode in (("weapons", "enforce"), ("weapons-next", "shadow"), ("old", "off")):
        (tmp_path / f"{name}.yaml").write_text(WEAPONS.replace("enforce", mode))
    return load_settings({"policies": str(tmp_path)})


def states(console: Served) -> dict[str, Sequence[str]]:
    return {each.policy.id: each.states for each in folder_of(console.console, time()).standings}


def test_a_policy_is_live_once_a_worker_says_so_and_waits_after_an_edit_in_either_mode(console: Served) -> None:
    unknown = {"weapons": ["unknown"], "weapons-next": ["unknown", "shadow"], "old": ["unknown", "off"]}
    assert states(console) == unknown, "no worker has said by what it decides"
    version = folder_of(console.console, time()).version
    console.decided(console.sent(b"x"), policy_set=version)
    console.read(1)
    assert states(console) == {"weapons": ["live"], "weapons-next": ["shadow"], "old": ["off"]}
    shadow = console.settings.policies / "weapons-next.yaml"
    shadow.write_text(shadow.read_text().replace("0.30", "0.40"))
    assert states(console) == {"weapons": ["waits"], "weapons-next": ["waits", "shadow"], "old": ["waits", "off"]}


def test_one_broken_file_takes_no_other_policy_out_of_the_table(console: Served) -> None:
    console.decided(console.sent(b"x"), match("weapons"))
    console.read(1)
    (console.settings.policies / "gore.yaml").write_text("title: [")
    page = httpx2.get(f"{console.address}/policies").text
    assert "gore.yaml" in page.partition("<table")[0]
    for name in ("weapons", "weapons-next", "old"):
        assert f'href="/policies/{name}"' in page
    [weapons] = (each for each in folder_of(console.console, time()).standings if each.policy.id == "weapons")
    assert (weapons.matches, weapons.states) == (1, ["unknown"])
    assert "badge state-unknown" in httpx2.get(f"{console.address}/policies/weapons").text
