"""Settings: one declaration, three places to set it, one order of precedence, errors that name the place."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.errors import SettingsError
from workers.cli import app
from workers.settings import GROUPS, Settings, load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "sluice.toml"


def test_flag_beats_variable_beats_file_beats_default(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('group = "file"\nmodel = "file"\ndevice = "file"\n')
    monkeypatch.setenv("SLUICE_MODEL", "variable")
    monkeypatch.setenv("SLUICE_GROUP", "variable")
    settings = load_settings({"group": "flag"}, config)
    assert (settings.group, settings.model, settings.device, settings.dtype) == ("flag", "variable", "file", "auto")


def test_the_variable_names_the_config_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("max_batch = 3\n")
    monkeypatch.setenv("SLUICE_CONFIG", str(config))
    assert load_settings({}).max_batch == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("maxbatch = 3\n", "unknown setting 'maxbatch'"),
        ("max_batch = 0\n", "max_batch: input should be greater than or equal to 1, got 0"),
        ("max_batch 3\n", "sluice.toml"),
    ],
)
def test_a_bad_line_of_the_file_is_named(config: Path, text: str, says: str) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError, match=says) as refused:
        load_settings({}, config)
    assert str(config) in str(refused.value)


def test_a_bad_flag_and_a_bad_variable_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^--metrics-port: .* got '99999'"):
        load_settings({"metrics_port": "99999"})
    monkeypatch.setenv("SLUICE_DTYPE", "int4")
    with pytest.raises(SettingsError, match=r"^SLUICE_DTYPE: "):
        load_settings({})


def test_images_are_shared_through_a_redis_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^--share-image-features: needs a redis_url"):
        load_settings({"share_image_features": True})
    monkeypatch.setenv("SLUICE_REDIS_URL", "redis://cache:6379/0")
    assert load_settings({"share_image_features": True}).share_image_features


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_poll_interval": 40}, "at least 45 with a session_timeout of 45, got 40"),
        ({"session_timeout": 301}, "at least 301 with a session_timeout of 301, got 300"),
        ({"session_timeout": 6, "max_poll_interval": 34}, "at least 35 with a drain_timeout of 30, got 34"),
        ({"revocation_timeout": 50, "max_poll_interval": 54}, "at least 55 with a revocation_timeout of 50, got 54"),
    ],
)
def test_what_a_worker_waits_for_ends_before_its_group_takes_it_for_dead(given: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=rf"^max_poll_interval: must be {says}$"):
        load_settings(given)


@pytest.mark.parametrize(("one", "other"), list(combinations(GROUPS["topics"], 2)))
def test_no_topic_is_two(one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is a dead letter in its own topic is one again, for ever."""
    monkeypatch.setenv(f"SLUICE_{other.upper()}", "both")
    with pytest.raises(SettingsError, match=rf"^{one} and {other} must differ, got 'both' for both$"):
        load_settings({one: "both"})


def test_a_topic_that_has_the_default_name_of_another_is_refused_by_every_command() -> None:
    said = "images_topic and dead_letters_topic must differ, got 'sluice.dlq.v1' for both"
    for command in (["worker"], ["topics", "create"], ["doctor"], ["dlq", "list"], ["send", "."], ["config", "show"]):
        result = CliRunner().invoke(app, command, env={"SLUICE_IMAGES_TOPIC": "sluice.dlq.v1"})
        assert said in str(result.exception), command


def test_no_audit_topic_is_like_no_other(config: Path) -> None:
    config.write_text('audit_topic = ""\n')
    assert load_settings({}, config).audited_on is None


def test_the_least_poll_interval_that_holds_is_taken() -> None:
    assert load_settings({"max_poll_interval": 45}).max_poll_interval == 45


def test_a_missing_config_file_is_an_error(config: Path) -> None:
    with pytest.raises(SettingsError, match="no config file"):
        load_settings({}, config)


def test_every_setting_is_a_flag_of_some_group_and_says_what_it_is() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


def test_config_show_redacts_secrets_and_is_a_config_file_itself(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_SASL_PASSWORD", "hush1")
    monkeypatch.setenv("SLUICE_REDIS_URL", "redis://me:hush2@cache:6379/0")
    shown = CliRunner().invoke(app, ["config", "show", "--fetch-allowed-hosts", "a.example,b.example"])
    assert shown.exit_code == 0
    assert "hush" not in shown.output
    assert "redis://me:**********@cache:6379/0" in shown.output
    monkeypatch.delenv("SLUICE_SASL_PASSWORD")
    monkeypatch.delenv("SLUICE_REDIS_URL")
    config.write_text(shown.output)
    assert load_settings({}, config).fetch_allowed_hosts == ("a.example", "b.example")


def test_config_show_prints_json_for_a_machine() -> None:
    shown = CliRunner().invoke(app, ["config", "show", "--json", "--max-batch", "7"])
    assert json.loads(shown.output)["max_batch"] == 7


@pytest.mark.parametrize("command", ["worker", "demo", "scan", "send", "tail", "train"])
def test_every_command_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("fetch_allowed_stores", "s3://images,s3://a/../b", "write s3://bucket, .* got 's3://a/../b'"),
        ("fetch_allowed_stores", "file:///", "every file of this machine"),
        ("fetch_allowed_stores", "minio:9000", "begins with s3://"),
        ("fetch_allowed_hosts", "https://cdn.example.com", "write cdn.example.com"),
        ("fetch_allowed_hosts", "cdn.example.com:http", "is no host"),
        ("fetch_allowed_hosts", "*", "is no host"),
        ("fetch_s3_endpoint", "minio:9000", "write http://HOST:PORT"),
        ("fetch_gcs_endpoint", "https://", "write http://HOST:PORT"),
        ("fetch_azure_endpoint", "https://a.example/?sig=hush", "write http://HOST:PORT"),
        ("fetch_s3_endpoint", "https://me:hush@minio:9000", "credentials come from the environment"),
        ("fetch_s3_region", "Europe (Frankfurt)", "pattern"),
    ],
)
def test_where_claims_may_not_lead_is_said_at_the_start_without_secrets(setting: str, value: str, says: str) -> None:
    flag = "--" + setting.replace("_", "-")
    with pytest.raises(SettingsError, match=rf"^{flag}: .*{says}") as refused:
        load_settings({setting: value})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "hosts", ["cdn.example.com", "*.s3.example.com,minio:9000", "127.0.0.1:80,[::1]:9000", "x_y."]
)
def test_hosts_have_a_port_or_none(hosts: str) -> None:
    assert ",".join(load_settings({"fetch_allowed_hosts": hosts}).fetch_allowed_hosts) == hosts


CANARIES = ("a.png every 5 s expect block", "b, c.png every 60 s expect allow")


def test_canaries_are_apart_by_commas_in_a_variable_and_a_list_in_a_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(f"canary = {json.dumps(CANARIES)}\n")
    assert load_settings({}, config).canary == CANARIES
    config.write_text(f"canary = {json.dumps(CANARIES[0])}\n")
    assert load_settings({}, config).canary == CANARIES[:1]
    monkeypatch.setenv("SLUICE_CANARY", ", ".join(CANARIES))
    assert load_settings({}).canary == CANARIES


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("a.png every 5 expect block", "--canary: a canary is 'FILE every SECONDS s expect"),
        ("a.png every 5 s expect blocked", "--canary: a canary's verdict is one of"),
        ("a.png every 0.1 s expect block", "--canary: a canary is sent at most every 1 s"),
        ("a.png every 5 s expect block,x/a.png every 5 s expect allow", "--canary: two canaries are named a.png"),
        ("a.png every 5 s expect block, b.png", "--canary: a canary is 'FILE"),
    ],
)
def test_a_canary_that_is_none_says_what_to_write(value: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"canary": value})
    assert str(refused.value).startswith(says)


def test_audit_events_are_left_to_the_log_by_a_word_that_every_place_can_say(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    """An empty variable counts as not set, so it cannot."""
    monkeypatch.setenv("SLUICE_AUDIT_TOPIC", "off")
    assert load_settings({}).audited_on is None
    monkeypatch.setenv("SLUICE_AUDIT_TOPIC", "")
    assert load_settings({}).audited_on == "sluice.audit.v1"
    config.write_text('audit_topic = ""\n')
    assert load_settings({}, config).audited_on is None
    assert load_settings({"audit_topic": "off"}, config).audited_on is None
