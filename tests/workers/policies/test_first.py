"""The policies that a worker starts with: its folder's, or else the last good ones, loudly."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pipeline.adapters.memory import MemoryTextCache
from pipeline.adapters.prometheus import PrometheusHooks
from pipeline.errors import PolicyError
from pipeline.path.live import LivePolicies
from tests.e2e.policies_under_test import FILES, write_policies
from tests.path.test_live import Hashing
from workers.policies.first import check_first, last_good_of, offer_first
from workers.settings import Settings, load_settings

BAD = FILES["weapons.yaml"].replace("0.15", "15")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = write_policies(tmp_path / "policies")
    return load_settings({"policies": str(folder), "state": str(tmp_path / "state")})


def start(settings: Settings) -> tuple[LivePolicies, dict[str, float]]:
    """As a worker does; returns what is live and the gauges that speak of it."""
    hooks = PrometheusHooks()
    live = LivePolicies(Hashing(), MemoryTextCache(), hooks)
    offer_first(settings, live, hooks, last_good_of(settings))
    names = ("sluice_policies_refused", "sluice_policies_last_good", "sluice_policies")
    return live, {name: hooks.registry.get_sample_value(name) or 0.0 for name in names}


def spoil(settings: Settings) -> None:
    (settings.policies / "weapons.yaml").write_text(BAD)


def test_a_sound_folder_is_live_and_kept(settings: Settings) -> None:
    live, gauges = start(settings)
    assert gauges == {"sluice_policies_refused": 0, "sluice_policies_last_good": 0, "sluice_policies": 3}
    kept = last_good_of(settings)
    assert kept is not None
    found = kept.read()
    assert found is not None
    again = LivePolicies(Hashing(), MemoryTextCache(), PrometheusHooks())
    assert again.offer(found.files, found.assets).version == live().policy_set.version


def test_a_restart_beside_a_bad_folder_decides_by_the_last_good_set_and_says_so(settings: Settings) -> None:
    good, _ = start(settings)
    spoil(settings)
    check_first(settings)
    with capture_logs() as logs:
        live, gauges = start(settings)
    assert live().policy_set.version == good().policy_set.version
    assert gauges == {"sluice_policies_refused": 1, "sluice_policies_last_good": 1, "sluice_policies": 3}
    said = {each["event"]: each for each in logs}
    assert said["policy_refused"]["line"] == 8
    assert said["policies_last_good"]["live"] == good().policy_set.version


def test_a_folder_that_is_not_there_is_a_bad_folder(settings: Settings) -> None:
    good, _ = start(settings)
    settings.policies.rename(settings.policies.with_name("away"))
    assert start(settings)[0]().policy_set.version == good().policy_set.version


def test_the_bad_set_is_never_kept(settings: Settings) -> None:
    start(settings)
    spoil(settings)
    for _ in range(2):
        start(settings)


def test_once_mended_the_folder_decides_again(settings: Settings) -> None:
    good, _ = start(settings)
    spoil(settings)
    start(settings)
    (settings.policies / "weapons.yaml").write_text(FILES["weapons.yaml"].replace("0.15", "0.2"))
    live, gauges = start(settings)
    assert live().policy_set.version != good().policy_set.version
    assert gauges["sluice_policies_last_good"] == 0


def test_without_a_last_good_set_a_bad_folder_is_refused(settings: Settings) -> None:
    spoil(settings)
    with pytest.raises(PolicyError, match=r"weapons\.yaml:8"):
        start(settings)
    with pytest.raises(PolicyError, match=r"weapons\.yaml:8"):
        check_first(settings)


def test_the_set_of_another_group_or_folder_is_not_taken(settings: Settings, tmp_path: Path) -> None:
    start(settings)
    spoil(settings)
    with pytest.raises(PolicyError):
        start(settings.model_copy(update={"group": "staging"}))
    with pytest.raises(PolicyError):
        start(settings.model_copy(update={"policies": tmp_path / "nosuch"}))


def test_a_kept_set_that_holds_no_more_is_not_taken(settings: Settings) -> None:
    """It is validated as any other: another release, or another model, may refuse what the last one took."""
    kept = last_good_of(settings)
    assert kept is not None
    kept.keep({f"{settings.policies}/weapons.yaml": BAD.encode()})
    spoil(settings)
    with pytest.raises(PolicyError, match=r"weapons\.yaml:8"):
        start(settings)
    with pytest.raises(PolicyError):
        check_first(settings)
