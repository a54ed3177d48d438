"""``sluice policy release``: what it lets go, and what it says where there is nothing to let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.adapters.redis import RedisConnection
from pipeline.adapters.redis.standings import RedisStandings
from pipeline.errors import UsageError
from pipeline.rules.limits.standing import Standing, name_of
from tests.e2e.policies_under_test import FILES, write_policies
from workers.cli import app


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = write_policies(tmp_path / "policies")
    (folder / "weapons.yaml").write_text(FILES["weapons.yaml"] + "limits: {rate: 0.5%, per: 10m}\n")
    return folder


def release(*words: object) -> Any:
    return CliRunner().invoke(app, ["policy", "release", *map(str, words)], standalone_mode=False)


def test_a_held_policy_is_released_once(policies: Path, empty_redis: Any) -> None:
    connection = RedisConnection(empty_redis.url, timeout=5, budget=20)
    standings, weapons = RedisStandings(connection, "sluice"), policies_in(policies).policies[-1]
    name, options = name_of("weapons", weapons.version), ("--policies", policies, "--redis-url", empty_redis.url)
    assert release("weapons", *options).return_value == 1
    staging = RedisStandings(connection, "staging")
    staging.put({name: Standing(1_790_000_000.0, 15, 60)})
    assert release("weapons", *options).return_value == 1
    standings.put({name: Standing(1_790_000_000.0, 12, 40)})
    done = release("weapons", *options)
    assert done.return_value == 0, done.exception
    assert "weapons is released: it flagged 12 of 40 images" in done.stdout
    found = standings.get([name])
    assert found is not None
    assert not found[name].held
    assert found[name].at > 1_790_000_000.0
    assert release("weapons", *options).return_value == 1
    assert (staging.get([name]) or {})[name].held
    assert release("weapons", *options, "--group", "staging").return_value == 0
    connection.close()


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("weapon", "no policy is called 'weapon'"),
        ("Weapon", "; did you mean 'weapons'?"),
        ("gambling", "gambling has no limits"),
        ("weapons", "there is no Redis through which workers would hear of it"),
    ],
)
def test_what_cannot_be_released_is_said(policies: Path, policy: str, says: str) -> None:
    found = release(policy, "--policies", policies).exception
    assert isinstance(found, UsageError)
    assert says in str(found)
