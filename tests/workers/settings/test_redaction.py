"""Secrets in a Redis URL, wherever they stand, are shown nowhere: not by config show, errors, logs or a repr."""

from __future__ import annotations

import json
import socket
from threading import Thread
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.adapters.redis import RedisConnection
from pipeline.errors import SettingsError
from workers.cli import app
from workers.settings import Settings, load_settings
from workers.settings.mistakes import unknown_variables
from workers.settings.redaction import redacted

SECRET = "S3CR3T"

SOUND = [
    (f"redis://me:{SECRET}@cache:6379/0", "redis://me:**********@cache:6379/0"),
    (f"redis://:{SECRET}@cache", "redis://:**********@cache"),
    (f"redis://:p@{SECRET}@cache/1", "redis://:**********@cache/1"),
    (f"redis://{SECRET}@cache", "redis://**********@cache"),
    (f"rediss://cache/0?password={SECRET}", "rediss://cache/0?password=**********"),
    (f"redis://cache/0?pass%77ord={SECRET}&db=3", "redis://cache/0?pass%77ord=**********&db=3"),
    (f"redis://cache?username=me&password={SECRET}%40x", "redis://cache?username=**********&password=**********"),
    (f"unix://me:{SECRET}@/run/redis.sock?db=1", "unix://me:**********@/run/redis.sock?db=1"),
    ("redis://[::1]:6379/0?socket_timeout=1", "redis://[::1]:6379/0?socket_timeout=1"),
]
UNSOUND = [
    f"redis://:a/{SECRET}@cache",
    f"redis://me:1/{SECRET}@cache",
    f"redis://me:1?{SECRET}@cache",
    f"redis://:a#{SECRET}@cache:1",
    f"redis://cache:{SECRET}/0",
    f"redis://cache/{SECRET}",
    f"cache:6379?password={SECRET}",
    f"http://:{SECRET}@cache",
    f"redis://cache?{SECRET}=1&password={SECRET}",
    f"redis://:{SECRET}@cache?db=x",
    f"redis://[::1:{SECRET}@cache",
]


@pytest.mark.parametrize(("url", "shown"), SOUND)
def test_config_show_hides_them_and_shows_the_rest(url: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_REDIS_URL", url)
    assert redacted(url) == shown
    printed = CliRunner().invoke(app, ["config", "show", "--json"]).stdout
    assert json.loads(printed)["redis_url"] == shown
    settings = load_settings({})
    assert settings.redis_url == url
    assert SECRET not in repr(settings) + str(settings)


@pytest.mark.parametrize("url", UNSOUND)
def test_what_does_not_parse_is_one_line_without_the_secret(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_REDIS_URL", url)
    with pytest.raises(SettingsError, match=r"^SLUICE_REDIS_URL: ") as refused:
        load_settings({"share_image_features": True})
    assert SECRET not in str(refused.value) + repr(refused.value.__cause__) + str(refused.value.__cause__)
    assert "\n" not in str(refused.value)
    assert "share" not in str(refused.value), "there is a URL: what is wrong is wrong with it alone"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("prometheus_url", f"https://ann:{SECRET}@prom.example.com"),
        ("prometheus_url", f"https://prom.example.com/?token={SECRET}"),
        ("prometheus_url", f"https://prom.example.com/#{SECRET}"),
        ("archive_at", f"s3://AKIA:{SECRET}@bucket/x"),
        ("archive_at", f"az://container/part?sig={SECRET}"),
        ("fetch_allowed_stores", f"s3://images,s3://AKIA:{SECRET}@bucket/x"),
        ("fetch_allowed_stores", f"gs://images/part?sig={SECRET}"),
        ("fetch_allowed_hosts", f"u:{SECRET}@cdn.example.com"),
        ("fetch_allowed_hosts", f"{SECRET}@cdn.example.com"),
        ("fetch_s3_endpoint", f"https://me:{SECRET}@minio:9000"),
        ("console_workers", f"u:{SECRET}@worker:9108"),
        ("console_names", f"https://u:{SECRET}@console.example.com"),
        ("bootstrap_servers", f"bob:{SECRET}@kafka:9092"),
        ("bootstrap_servers", f"kafka-1:9092,SASL_SSL://bob:{SECRET}@kafka-2:9092"),
        ("max_batch", f"redis://:{SECRET}@cache"),
    ],
)
def test_no_setting_takes_a_secret_in_an_address_or_shows_it(
    setting: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container's log the line would stand for long."""
    monkeypatch.setenv(f"SLUICE_{setting.upper()}", value)
    with pytest.raises(SettingsError, match=rf"^SLUICE_{setting.upper()}: ") as refused:
        load_settings({})
    assert SECRET not in str(refused.value)


def test_a_prometheus_that_wants_a_password_is_told_of_with_advice_that_can_be_taken() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"prometheus_url": "https://ann:x@prom.example.com"})
    assert "environment" not in str(refused.value)
    assert "proxy" in str(refused.value)


def test_a_persons_mail_address_is_no_secret() -> None:
    with pytest.raises(SettingsError, match=r"got 'ann@example\.com:editr'"):
        load_settings({"console_roles": "ann@example.com:editr"})


@given(st.text(min_size=1), st.sampled_from(["redis://:{}@h", "redis://u:{}@h/0", "redis://h/0?password={}"]))
def test_no_password_is_shown(password: str, form: str) -> None:
    marked = f"{SECRET}{password}{SECRET}"
    assert SECRET not in redacted(form.format(quote(marked, safe="")))
    assert SECRET not in redacted(f"redis://:{marked}@h")


def test_a_bad_secret_in_the_file_is_not_repeated(tmp_path: pytest.TempPathFactory) -> None:
    config = tmp_path / "sluice.toml"  # type: ignore[operator]
    config.write_text("sasl_password = 12345678\n")
    with pytest.raises(SettingsError) as refused:
        load_settings({}, config)
    assert "12345678" not in str(refused.value)


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_log() -> None:
    """As one does that does not know AUTH."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(f"-ERR unknown command 'AUTH', with args beginning with: '{SECRET}'\r\n".encode())

        thread = Thread(target=answer, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        with structlog.testing.capture_logs() as logs:
            connection = RedisConnection(f"redis://:{SECRET}@127.0.0.1:{port}/0", timeout=5.0, budget=5.0)
            assert connection.get(["key"], 1) is None
            connection.close()
        thread.join()
    [line] = [each for each in logs if each["event"] == "redis_failed"]
    assert SECRET not in str(line)
    assert "unknown command" in line["error"]


def test_a_mistyped_variable_is_told_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_REDIS_ULR", f"redis://:{SECRET}@cache")
    assert unknown_variables(Settings.model_fields) == [
        "SLUICE_REDIS_ULR is no setting and changes nothing; did you mean SLUICE_REDIS_URL?"
    ]
    shown = CliRunner().invoke(app, ["config", "show"])
    assert shown.stderr.count("SLUICE_REDIS_ULR") == 1
    assert shown.exit_code == 0
    assert SECRET not in shown.output


def test_a_mistyped_key_of_the_file_is_told_with_what_was_meant(tmp_path: pytest.TempPathFactory) -> None:
    config = tmp_path / "sluice.toml"  # type: ignore[operator]
    config.write_text('redis_ulr = "redis://cache"\n')
    with pytest.raises(SettingsError, match="unknown setting 'redis_ulr'; did you mean redis_url"):
        load_settings({}, config)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"cores": "many"}, "--cores: must be a whole number, got 'many'"),
        ({"fetch_timeout": "soon"}, "--fetch-timeout: must be a number, got 'soon'"),
        ({"drain_timeout": "inf"}, "--drain-timeout: must be a finite number, got 'inf'"),
        ({"redis_signing_secret": "short"}, "--redis-signing-secret: must have at least 16 characters"),
    ],
)
def test_what_is_wrong_is_said_plainly(flags: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(flags)
    assert str(refused.value) == said
