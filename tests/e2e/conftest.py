"""Pipelines for the tests: each on topics of its own, all on the one broker of the run unless a test breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.pipeline_under_test import Pipeline, pipeline_on
from tests.e2e.policies_under_test import write_policies
from tests.e2e.tiny_model import make_tiny_model
from tests.services.kafka import KafkaBroker

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
