"""The deployment under test, put together: broker and Redis, topics, policies, workers, producer and watcher."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from kafka import KafkaAdminClient

from tests.chaos.ledger import Ledger
from tests.chaos.plan import PARTITIONS, SETTINGS, Plan
from tests.chaos.proc import fleet
from tests.chaos.producer import Producer, Stream
from tests.chaos.units import Unit, Units
from tests.chaos.watch import Watcher
from tests.e2e.pipeline_under_test import ONE_THREAD, flags
from tests.e2e.policies_under_test import write_policies
from tests.poison import SITE
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, ROOT, free_port, python
from tests.services.proxy import Proxy
from tests.services.redis import RedisServer

IMAGES, DECISIONS, DEAD_LETTERS = "images", "decisions", "dlq"
GROUP = "chaos"
OBEDIENT = {**ONE_THREAD, "PYTHONPATH": os.pathsep.join(map(str, (SITE, ROOT)))}
"""The environment of workers whose decoders do what a mark in an image says."""
_ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1), "message.timestamp.before.max.ms": str(2**63 - 1)}
IMAGES_CONFIG = {**_ANY_TIME, "max.message.bytes": str(16 << 20), "retention.ms": "-1"}
"""Records with a timestamp of any unit are taken, and none is taken away for it."""


@dataclass(frozen=True)
class Target:
    """A process that may be struck, and the unit that it belongs to."""

    name: str
    kind: str
    """``worker``, ``moderator``, ``encoder`` or ``supervisor``."""
    pid: int
    unit: Unit

    @property
    def is_unit(self) -> bool:
        """Whether the harness itself starts it again."""
        return self.unit.process is not None and self.unit.process.pid == self.pid


@dataclass
class Rig:
    """All that a fault may do something to."""

    plan: Plan
    folder: Path
    kafka: KafkaBroker
    proxy: Proxy
    redis: RedisServer
    policies: Path
    stream: Stream
    units: Units
    ledger: Ledger
    producer: Producer
    watcher: Watcher
    ports: dict[str, int] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def add_worker(self) -> Unit:
        """One more worker, or one more supervisor with its processes."""
        name = f"worker-{next(self.numbers)}"
        self.ports[name] = free_port()
        settings = {**self.settings(), "metrics_port": self.ports[name], "metrics_host": HOST, "group": GROUP}
        settings |= {"state": self.folder / "state"}
        if self.plan.moderators > 1:
            settings["moderators"] = self.plan.moderators
        else:
            settings["encoder_socket"] = self.socket
        return self.units.add(name, lambda: python("-m", "workers", "worker", *flags(settings)), OBEDIENT)

    def add_encoder(self) -> Unit:
        own = {"metrics_port": 0, "metrics_host": HOST, "device": "cpu", "cores": 1, "log_format": "json"}
        own |= {"state": self.folder / "state"}
        argv = python("-m", "workers", "encoder", str(self.socket), *flags(own))
        return self.units.add("encoder", lambda: argv, ONE_THREAD)

    @property
    def socket(self) -> Path:
        return self.folder / "encoder.sock"

    def settings(self) -> dict[str, object]:
        """Workers reach Kafka through the proxy; everybody else by the front door."""
        return {
            **SETTINGS,
            "bootstrap_servers": f"{HOST}:{self.proxy.port}",
            "images_topic": IMAGES,
            "decisions_topic": DECISIONS,
            "dead_letters_topic": DEAD_LETTERS,
            "redis_url": self.redis.url,
            "policies": self.policies,
        }

    def targets(self, *kinds: str) -> list[Target]:
        """The processes of these kinds that live now, in the order of their names."""
        found = [Target("encoder", "encoder", unit.pid, unit) for unit in self.units.living("encoder")]
        for unit in self.units.living("worker"):
            if self.plan.moderators <= 1:
                found.append(Target(unit.name, "worker", unit.pid, unit))
                continue
            found.append(Target(unit.name, "supervisor", unit.pid, unit))
            for name, pid in fleet(unit.pid).items():
                found.append(Target(f"{unit.name}/{name}", name.partition("-")[0], pid, unit))
        return sorted((each for each in found if each.kind in kinds), key=lambda each: each.name)

    def learn_epoch(self) -> None:
        """Take up the id that the images topic has now."""
        with closing(KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)) as admin:
            [described] = admin.describe_topics([IMAGES])
        self.stream.epoch = str(described["topic_id"])
        self.stream.begins[self.stream.epoch] = time.time()


@contextmanager
def rig(plan: Plan, folder: Path) -> Iterator[Rig]:
    """Start all but the workers; they are units, and start when they are added."""
    with ExitStack() as held:
        proxy = held.enter_context(Proxy())
        kafka = held.enter_context(KafkaBroker(_subfolder(folder, "kafka"), advertised_port=proxy.port))
        proxy.target = kafka.side_port
        redis = held.enter_context(RedisServer(_subfolder(folder, "redis")))
        for topic, partitions, config in _topics():
            kafka.create_topic(topic, partitions, config)
        stream, ledger = Stream(IMAGES, "", PARTITIONS), Ledger()
        producer = Producer(kafka.bootstrap_servers, stream, ledger, plan.rate, plan.seed)
        watcher = Watcher(kafka.bootstrap_servers, stream, GROUP, [DECISIONS, DEAD_LETTERS])
        policies = write_policies(folder / "policies")
        units = Units(_subfolder(folder, "logs"), warm=plan.warm)
        made = Rig(plan, folder, kafka, proxy, redis, policies, stream, units, ledger, producer, watcher)
        made.learn_epoch()
        for part in (units, watcher, producer):
            held.enter_context(part)
        yield made


def _topics() -> Sequence[tuple[str, int, dict[str, str]]]:
    roomy = {"max.message.bytes": str(24 << 20), "retention.ms": "-1"}
    return [(IMAGES, PARTITIONS, IMAGES_CONFIG), (DECISIONS, 2, roomy), (DEAD_LETTERS, 1, roomy)]


def _subfolder(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    return made
