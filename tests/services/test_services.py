"""The harness itself: what the other tests lean on."""

# mypy: disallow-untyped-calls=False
# kafka-python carries no annotations.

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services.deadline import until
from tests.services.kafka import KafkaBroker, Record, SecureListener
from tests.services.processes import ChildProcess, free_port, python
from tests.services.prometheus import PrometheusServer
from tests.services.redis import RedisServer

NO_RETRY = Retry(NoBackoff(), 0)


class TestKafka:
    def test_a_record_comes_back_as_it_went_in(self, kafka: KafkaBroker, topic: str) -> None:
        sent = kafka.produce(topic, b"\xff\x00 bytes", key=b"k", headers=[("a", b"1"), ("a", b"2")])
        assert kafka.read_all(topic) == [sent]
        assert (sent.partition, sent.offset, sent.header("a")) == (0, 0, b"1")

    def test_records_go_to_the_partition_they_name(self, kafka: KafkaBroker, new_topic: Callable[..., str]) -> None:
        topic = new_topic(partitions=3)
        kafka.produce_all(topic, [Record(None, b"%d" % n, partition=n % 3) for n in range(7)])
        assert kafka.end_offsets(topic) == {0: 3, 1: 2, 2: 2}
        assert [r.value for r in kafka.read_all(topic)] == [b"0", b"3", b"6", b"1", b"4", b"2", b"5"]

    def test_committed_offsets_and_lag_are_the_groups_own(
        self, kafka: KafkaBroker, topic: str, group_id: str
    ) -> None:
        kafka.produce_all(topic, [Record(None, b"x")] * 5)
        assert (kafka.committed(group_id, topic), kafka.lag(group_id, topic)) == ({}, 5)
        # A member is given partitions of topics that it knows by then, and asks again after five minutes by default.
        settings = {"group_id": group_id, "auto_offset_reset": "earliest", "enable_auto_commit": False}
        settings["metadata_max_age_ms"] = 1_000
        with KafkaConsumer(topic, bootstrap_servers=kafka.bootstrap_servers, **settings) as consumer:
            until(lambda: consumer.poll(timeout_ms=200, max_records=3), 120, "three records")
            assert len(kafka.members(group_id)) == 1
            consumer.commit()
        assert (kafka.committed(group_id, topic), kafka.lag(group_id, topic)) == ({0: 3}, 2)

    @pytest.mark.parametrize("end", [KafkaBroker.stop, KafkaBroker.kill])
    def test_a_restarted_broker_has_its_data_and_its_address(
        self, kafka_of_own: KafkaBroker, end: Callable[[KafkaBroker], None]
    ) -> None:
        kafka_of_own.create_topic("t")
        address, sent = kafka_of_own.bootstrap_servers, kafka_of_own.produce("t", b"before")
        end(kafka_of_own)
        kafka_of_own.start()
        assert kafka_of_own.bootstrap_servers == address
        assert kafka_of_own.read_all("t") == [sent]

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
    def test_the_secure_door_leads_to_the_same_topics(
        self, kafka: KafkaBroker, secure_kafka: SecureListener, topic: str, mechanism: str
    ) -> None:
        with KafkaProducer(**secure_kafka.settings(mechanism)) as producer:
            producer.send(topic, b"through TLS").get(timeout=20)
        assert [record.value for record in kafka.read_all(topic)] == [b"through TLS"]

    def test_the_secure_door_refuses_a_wrong_password(self, secure_kafka: SecureListener) -> None:
        settings = secure_kafka.settings() | {"sasl_plain_password": "guess"}
        # kafka-python retries a refused login like an absent broker; at best its log names the reason.
        with pytest.raises(KafkaTimeoutError):
            KafkaProducer(**settings, bootstrap_timeout_ms=1000)


class TestRedis:
    def test_a_paused_server_answers_nobody_until_it_is_resumed(self, redis_of_own: RedisServer) -> None:
        with redis.Redis.from_url(redis_of_own.url, socket_timeout=0.1, retry=NO_RETRY) as client:
            client.set("k", "v")
            redis_of_own.pause()
            with pytest.raises(redis.TimeoutError):
                client.get("k")
        redis_of_own.resume()
        with redis_of_own.client() as patient:
            assert patient.get("k") == b"v"

    def test_a_killed_server_comes_back_empty_at_the_same_address(self, redis_of_own: RedisServer) -> None:
        with redis_of_own.client() as client:
            client.set("k", "v")
            redis_of_own.kill()
            redis_of_own.restart()
            assert client.get("k") is None

    def test_tls_and_password_are_wanted(self, secure_redis: RedisServer) -> None:
        assert secure_redis.url.startswith("rediss://")
        with secure_redis.client() as client:
            assert client.ping()
        plain = redis.Redis(port=secure_redis.port, socket_timeout=2, retry=NO_RETRY)
        with plain, pytest.raises(redis.ConnectionError):
            plain.ping()

    def test_the_shared_server_can_be_had_empty(self, empty_redis: RedisServer) -> None:
        with empty_redis.client() as client:
            assert client.dbsize() == 0


class TestPrometheus:
    def test_it_scrapes_queries_and_alerts(self, prometheus: Callable[..., PrometheusServer], tmp_path: Path) -> None:
        rules = tmp_path / "rules.yml"
        rules.write_text("groups: [{name: g, rules: [{alert: Gone, expr: up == 0}]}]")
        server = prometheus([f"127.0.0.1:{free_port()}"], rule_files=[rules])
        assert [sample.value for sample in server.wait_for('up{job="sluice"}')] == [0.0]
        until(lambda: server.firing() == {"Gone"}, 60, "the alert")
        with pytest.raises(ValueError, match="parse error"):
            server.query("up{")


class TestProcesses:
    def test_output_status_and_environment_are_the_childs_own(
        self, start_process: Callable[..., ChildProcess], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLUICE_LEAK", "from the developer's shell")
        code = "from os import environ as e; print(e.get('SLUICE_LEAK'), e['SLUICE_MINE']); raise SystemExit(3)"
        child = start_process(python("-c", code), env={"SLUICE_MINE": "here"})
        assert child.wait() == 3
        assert child.stdout() == "None here\n"

    def test_waiting_for_a_child_that_has_died_fails_at_once(
        self, start_process: Callable[..., ChildProcess]
    ) -> None:
        child = start_process(python("-c", "raise SystemExit('out of luck')"))
        began = time.monotonic()
        with pytest.raises(ChildProcessError, match="out of luck"):
            child.wait_for_line("ready", within=60)
        assert time.monotonic() - began < 30

    def test_closing_ends_what_the_child_started_too(self, start_process: Callable[..., ChildProcess]) -> None:
        nap = "import time; time.sleep(600)"
        code = f"import sys, subprocess as s; print(s.Popen([sys.executable, '-c', '{nap}']).pid, flush=True); {nap}"
        child = start_process(python("-c", code))
        grandchild = int(child.wait_for_line(r"^(\d+)$")[1])
        child.close()
        assert child.returncode == -9
        until(lambda: not _alive(grandchild), 60, "the grandchild's end")


def _alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet reaped by its new parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
