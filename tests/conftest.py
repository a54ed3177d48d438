"""Fixtures over real services, and the one rule for a missing program.

A service that cannot be had *skips* the tests that need it, with the reason and how to get it; where
`CI=true` it *fails* them, so that a green run in CI means that everything ran. Tests that use one of these
fixtures carry the marker `services`: `-m "not services"` runs without any of them.
"""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
import structlog

from tests.services import ServiceMissingError
from tests.services.certificates import Certificate, make_certificate
from tests.services.kafka import KafkaBroker, SecureListener
from tests.services.processes import ChildProcess
from tests.services.prometheus import PrometheusServer, find_program
from tests.services.redis import RedisServer

T = TypeVar("T")
S = TypeVar("S", KafkaBroker, RedisServer)

_SERVICES = {"kafka", "kafka_of_own", "secure_kafka", "redis_server", "redis_of_own", "secure_redis"}
_SERVICES |= {"prometheus", "promtool", "certificate"}


def pytest_configure() -> None:
    """Turn SIGTERM into Ctrl-C, so that a run that is told to stop still ends its services.

    Examples have no deadline: how long one takes is the machine's business, and no test asserts a speed. Every run
    draws others, so that fifty will do; the profile `thorough` takes hours. A mutation run takes the profile
    `mutants`: the same examples each time, and no time spent on making a failing one smaller.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hypothesis.settings.register_profile("sluice", deadline=None, max_examples=50)
    hypothesis.settings.register_profile("thorough", deadline=None, max_examples=10_000)
    hypothesis.settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("sluice")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a service, so that nobody has to remember to."""
    for item in items:
        if _SERVICES & set(getattr(item, "fixturenames", ())):
            item.add_marker("services")


def had_or_skipped(start: Callable[[], T]) -> T:
    """What `start` returns; where it misses a program, skip the test, or fail it where CI=true."""
    try:
        return start()
    except ServiceMissingError as missing:
        reason = str(missing)
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must not skip: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="session")
def _state_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What processes keep for the next start is not the user's, but shared by all that this run starts."""
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "XDG_STATE_HOME", str((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "state")
        )
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sets up logging, for its own level and its own stderr."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for localhost and 127.0.0.1."""
    return had_or_skipped(lambda: make_certificate(tmp_path_factory.mktemp("tls")))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[KafkaBroker]:
    """The one broker of this run, shared: make topics of your own in it, and never stop it."""
    yield from _served(KafkaBroker(tmp_path_factory.mktemp("kafka"), certificate=certificate))


@pytest.fixture(scope="session")
def secure_kafka(kafka: KafkaBroker) -> SecureListener:
    """The shared broker's SASL_SSL door: the same topics behind TLS and a password."""
    return kafka.secure


@pytest.fixture
def kafka_of_own(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker for this test alone, to be stopped, killed and restarted at will."""
    yield from _served(KafkaBroker(_subfolder(tmp_path, "kafka")))


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Make names that no other test has: `unique("images")` -> images-3f2a..."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def group_id(request: pytest.FixtureRequest, unique: Callable[[str], str]) -> str:
    """A consumer group of this test's own."""
    return unique(_readable(request))


@pytest.fixture
def new_topic(kafka: KafkaBroker, request: pytest.FixtureRequest, unique: Callable[[str], str]) -> Callable[..., str]:
    """Create topics in the shared broker: `new_topic(partitions=3, config={...})` -> its unique name."""

    def create(partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        return kafka.create_topic(unique(_readable(request)), partitions, config)

    return create


@pytest.fixture
def topic(new_topic: Callable[..., str]) -> str:
    """A new topic of one partition in the shared broker."""
    return new_topic()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The one Redis of this run, shared: keys of other tests may be in it; never stop it."""
    yield from _served(RedisServer(tmp_path_factory.mktemp("redis")))


@pytest.fixture
def empty_redis(redis_server: RedisServer) -> RedisServer:
    """The shared Redis with no key in it."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server


@pytest.fixture
def redis_of_own(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for this test alone, to be stopped, killed, paused and restarted at will."""
    yield from _served(RedisServer(_subfolder(tmp_path, "redis")))


@pytest.fixture
def secure_redis(tmp_path: Path, certificate: Certificate) -> Iterator[RedisServer]:
    """A Redis for this test alone that wants TLS and a password."""
    folder = _subfolder(tmp_path, "secure-redis")
    yield from _served(RedisServer(folder, password="let-me-in", certificate=certificate))


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[..., PrometheusServer]]:
    """Start Prometheus over targets: `prometheus(["127.0.0.1:9100"], rule_files=[path])`."""
    with ExitStack() as ending:

        def start(
            targets: Sequence[str], rule_files: Sequence[Path] = (), **more_jobs: Mapping[str, Sequence[str]]
        ) -> PrometheusServer:
            folder = _subfolder(tmp_path, f"prometheus-{len(list(tmp_path.glob('prometheus-*')))}")
            server = PrometheusServer(folder, targets, rule_files, **more_jobs)
            ending.callback(server.close)
            return had_or_skipped(server.start)

        had_or_skipped(lambda: find_program("prometheus"))
        yield start


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool, which checks and unit-tests alert rules."""
    return had_or_skipped(lambda: find_program("promtool"))


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[..., ChildProcess]]:
    """Start children that end with the test: `start_process(python("-m", "workers", ...), env={...})`."""
    with ExitStack() as ending:

        def start(argv: Sequence[str], env: Mapping[str, str] | None = None, name: str = "child") -> ChildProcess:
            # A name taken twice would mix two outputs in one file.
            taken = len(list(tmp_path.glob(f"{name}*.out")))
            child = ChildProcess(argv, tmp_path, env=env, name=f"{name}-{taken}" if taken else name)
            return ending.enter_context(child)

        yield start


def _served(server: S) -> Iterator[S]:
    """The life of one server as a fixture: started or skipped, and ended whatever the tests do."""
    with ExitStack() as ending:
        ending.callback(server.close)
        yield had_or_skipped(server.start)


def _subfolder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _readable(request: pytest.FixtureRequest) -> str:
    """The test's name, as a topic or a group may be called."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name)[:60].strip("-")
