"""What the processes of a machine are told: the settings of the one command, and only where it is private."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.fleet.roles import roles, roles_in_folder
from workers.settings import Settings, load_settings

SECRET = "hush-hush"


def resolved(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that a process with that environment comes to."""
    with monkeypatch.context() as context:
        for name in [name for name in os.environ if name.startswith("SLUICE_")]:
            context.delenv(name)
        for name, value in environment.items():
            context.setenv(name, value)
        return load_settings({})


def test_each_has_the_settings_of_the_one_command_wherever_they_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "sluice.toml"
    config.write_text('group = "from-the-file"\nfetch_allowed_hosts = ["a.example", "b.example"]\n')
    monkeypatch.setenv("SLUICE_CONFIG", str(config))
    monkeypatch.setenv("SLUICE_MAX_BATCH", "7")
    settings = load_settings({"moderators": 3, "cores": 8, "fetch_allow_http": True, "drain_timeout": "12.5"})
    encoder, moderators = roles(settings, tmp_path)
    for role in (encoder, *moderators):
        theirs = resolved(dict(role.environment), monkeypatch)
        own = {"moderators", "metrics_host", "encoder_socket", "cores"}
        assert theirs.model_dump(exclude=own) == settings.model_dump(exclude=own)
        assert theirs.moderators == 1
        assert Path(theirs.metrics_host) == role.health


def test_cores_are_shared_and_the_encoders_socket_is_known_to_the_moderators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores, share in ((8, 2), (5, 1), (2, 1)):
        encoder, moderators = roles(load_settings({"moderators": 3, "cores": cores}), tmp_path)
        theirs = [resolved(dict(role.environment), monkeypatch) for role in (encoder, *moderators)]
        assert [each.cores for each in theirs] == [cores, share, share, share]
        assert theirs[0].encoder_socket is None
        assert str(theirs[1].encoder_socket) in encoder.argv


def test_secrets_arrive_and_no_argument_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"redis://me:{SECRET}@cache:6379/0"
    settings = load_settings({"moderators": 2, "sasl_password": SECRET, "redis_password": SECRET, "redis_url": url})
    encoder, moderators = roles(settings, tmp_path)
    for role in (encoder, *moderators):
        assert not [word for word in role.argv if SECRET in word]
        theirs = resolved(dict(role.environment), monkeypatch)
        assert theirs.redis_url == url
        for password in (theirs.sasl_password, theirs.redis_password):
            assert password is not None
            assert password.get_secret_value() == SECRET


def test_names_tell_them_apart_and_a_moderator_is_given_time_to_drain(tmp_path: Path) -> None:
    settings = load_settings({"moderators": 2, "drain_timeout": 20})
    encoder, moderators = roles(settings, tmp_path)
    assert [role.name for role in (encoder, *moderators)] == ["encoder", "moderator-1", "moderator-2"]
    assert all(role.grace > settings.drain_timeout for role in moderators)
    assert all(role.holds == [encoder.lifeline] for role in moderators)


def test_the_sockets_lie_where_only_this_user_can_enter_and_leave_nothing_behind() -> None:
    with roles_in_folder(load_settings({"moderators": 2})) as (encoder, _):
        folder = encoder.health.parent
        assert folder.stat().st_mode & 0o077 == 0
        encoder.health.touch()
    assert not folder.exists()
