"""Pipelines for the tests: each on topics of its own, all on the one broker of the run unless a test breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.pipeline_under_test import Pipeline, pipeline_on
from tests.e2e.policies_under_test import ConfigMap, write_policies
from tests.e2e.standing import Standing
from tests.e2e.stream import Stream, streaming
from tests.e2e.tiny_model import make_tiny_model
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, free_port

Settings = dict[str, object]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``--model`` takes for a model that loads in a moment."""
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def quick(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings for a worker that starts soon, decides the same on every machine, and commits often."""
    policies = write_policies(tmp_path_factory.mktemp("policies") / "plain")
    return {
        "model": tiny_model,
        "policies": policies,
        "state": tmp_path_factory.mktemp("state"),
        "device": "cpu",
        "dtype": "float32",
        "commit_interval": 0.2,
        "session_timeout": 6,
        "log_format": "json",
    }


@pytest.fixture
def make_pipeline(kafka: KafkaBroker, quick: Settings, tmp_path: Path) -> Iterator[Callable[..., Pipeline]]:
    """Pipelines on the shared broker: `make_pipeline(partitions=6, max_batch=4)`."""
    with ExitStack() as ending:

        def make(*, on: KafkaBroker = kafka, partitions: int = 1, **settings: object) -> Pipeline:
            return ending.enter_context(pipeline_on(on, tmp_path, partitions=partitions, **{**quick, **settings}))

        yield make


@pytest.fixture(scope="session")
def standing(kafka: KafkaBroker, quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """The one worker that many tests look at; it may fetch from one port of 127.0.0.1 and nowhere else."""
    image_port = free_port()
    policies = ConfigMap(tmp_path_factory.mktemp("policies") / "mounted")
    settings = {**quick, "policies": policies.folder, "fetch_allowed_hosts": f"{HOST}:{image_port}"}
    settings |= {"fetch_allow_private": True, "fetch_allow_http": True}
    with pipeline_on(kafka, tmp_path_factory.mktemp("standing"), partitions=2, **settings) as pipeline:
        stands = Standing(pipeline, pipeline.worker(), policies, image_port)
        stands.watch_it_start()
        yield stands


@pytest.fixture
def stream(standing: Standing) -> Iterator[Stream]:
    """Pictures through the standing worker."""
    with streaming(standing.pipeline) as flowing:
        yield flowing
