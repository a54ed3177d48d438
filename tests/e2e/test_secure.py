"""The whole path behind TLS and passwords: Kafka by SASL_SSL, Redis by rediss://."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.e2e.pictures import pictures
from tests.e2e.pipeline_under_test import ANSWER, Pipeline
from tests.services.kafka import SecureListener
from tests.services.processes import HOST
from tests.services.redis import RedisServer

IMAGES = 20


def door(listener: SecureListener) -> dict[str, object]:
    """The settings that lead through the listener, but for the password."""
    return {
        "bootstrap_servers": listener.bootstrap_servers,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_username": listener.username,
        "ssl_cafile": listener.ca_file,
    }


def test_pictures_are_sent_judged_and_read_through_tls_and_passwords(
    make_pipeline: Callable[..., Pipeline],
    secure_kafka: SecureListener,
    secure_redis: RedisServer,
    tmp_path: Path,
) -> None:
    pipeline = make_pipeline()
    for number, image in enumerate(pictures(IMAGES)):
        (tmp_path / f"{number}.jpg").write_bytes(image)
    passwords = {"SLUICE_SASL_PASSWORD": secure_kafka.password, "SLUICE_REDIS_PASSWORD": str(secure_redis.password)}
    through = {**pipeline.topic_settings, **door(secure_kafka)}
    assert secure_redis.certificate is not None
    redis = {"redis_url": f"rediss://{HOST}:{secure_redis.port}/0", "redis_cafile": secure_redis.certificate.cert}

    worker = pipeline.worker(**door(secure_kafka), **redis, env=passwords)
    sender = pipeline.command("send", str(tmp_path / "*.jpg"), env=passwords, **through)
    assert sender.wait(within=60) == 0, str(sender)
    reader = pipeline.command("tail", "--from-beginning", "--json", f"--limit={IMAGES}", env=passwords, **through)
    assert reader.wait(within=ANSWER) == 0, f"{reader}\n{worker.process}"

    decided = {json.loads(line)["image_id"] for line in reader.stdout().splitlines()}
    assert decided == {str(tmp_path / f"{number}.jpg") for number in range(IMAGES)}
    assert worker.metric("sluice_text_cache_lookups_total", result="error") == 0
    with secure_redis.client() as client:
        assert client.dbsize() == worker.metric("sluice_text_cache_lookups_total", result="miss") > 0
    assert "let-me-in" not in worker.process.stderr() + sender.stderr() + reader.stderr()


def test_a_wrong_password_is_one_clear_line(
    make_pipeline: Callable[..., Pipeline], secure_kafka: SecureListener
) -> None:
    """Each command that talks to Kafka says it; all run at once, since each looks for a broker for some seconds."""
    pipeline = make_pipeline()
    settings = {**pipeline.topic_settings, **door(secure_kafka), "sasl_password": "guess"}
    commands = [["worker"], ["send", "pyproject.toml"], ["tail"], ["topics", "create"]]
    started = [pipeline.command(*words, **settings) for words in commands]
    for process in started:
        assert process.wait(within=60) == 2, str(process)
        [line] = [line for line in process.stderr().splitlines() if line.startswith("sluice: ")]
        assert line.startswith("sluice: ")
        assert f"user '{secure_kafka.username}'" in line
        assert "password" in line or "credentials" in line
        assert "guess" not in line
