"""What is wrong before a worker starts is one line on stderr that says what to do, and exit status 2.

No process here joins the group: a worker that cannot work must not take partitions from those that can.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from tests.e2e.conftest import Settings
from tests.e2e.pipeline_under_test import Pipeline, last_word, pipeline_on
from tests.e2e.policies_under_test import FILES, write_policies
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, ChildProcess, free_port


@dataclass(frozen=True)
class World:
    """What the mistaken settings refer to."""

    taken_port: int
    nobody: str
    bad_policies: Path
    bad_config: Path


LINE = FILES["weapons.yaml"].count("\n") + 1
"""The line of the bad policy file that is wrong."""

# The mistakes of a first day: the setting, what it is set to, and what the one line must say of it.
MISTAKES: dict[str, tuple[str, Callable[[World], object], list[str]]] = {
    "no topic": ("images_topic", lambda _: "absent", ["no topic absent", "sluice topics create"]),
    "no broker": ("bootstrap_servers", lambda at: at.nobody, ["no Kafka broker answers at {at.nobody}"]),
    "no such model": ("model", lambda _: "ViT-B-23", ["ViT-B-23", "did you mean"]),
    "no such model folder": ("model", lambda _: "local-dir:/absent", ["/absent/open_clip_config.json"]),
    "a bad policy": ("policies", lambda at: at.bad_policies, [f"weapons.yaml:{LINE}: unknown key 'colour'"]),
    "no policies": ("policies", lambda _: "/absent", ["/absent", "--policies"]),
    "a taken port": ("metrics_port", lambda at: at.taken_port, ["port {at.taken_port}", "--metrics-port"]),
    "a bad value": ("max_batch", lambda _: 0, ["--max-batch", "greater than or equal to 1, got '0'"]),
    "a bad choice": ("dtype", lambda _: "float8", ["--dtype", "'bfloat16'", "got 'float8'"]),
    "an unknown setting": ("config", lambda at: at.bad_config, ["{at.bad_config}", "'grupp'", "sluice config show"]),
    "an unknown flag": ("grupp", lambda _: "x", ["--grupp", "--group"]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A port that is taken, an address where nobody is, and files that do not hold."""
    folder = tmp_path_factory.mktemp("mistakes")
    policies = write_policies(folder / "policies")
    (policies / "weapons.yaml").write_text(FILES["weapons.yaml"] + "colour: red\n")
    config = folder / "sluice.toml"
    config.write_text('grupp = "a typing error"\n')
    with socket.create_server((HOST, 0)) as listener:
        yield World(listener.getsockname()[1], f"{HOST}:{free_port()}", policies, config)


@pytest.fixture(scope="module")
def started(
    kafka: KafkaBroker, quick: Settings, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pipeline, dict[str, ChildProcess]]]:
    """A worker for each mistake, all at once: most of their time is spent waiting and importing."""
    settings = {**quick, "start_timeout": 0}
    with pipeline_on(kafka, tmp_path_factory.mktemp("preflight"), **settings) as pipeline:
        yield (
            pipeline,
            {name: pipeline.worker(**{key: value(world)}).process for name, (key, value, _) in MISTAKES.items()},
        )


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_line_and_exit_status_2(
    started: tuple[Pipeline, dict[str, ChildProcess]], world: World, name: str
) -> None:
    process = started[1][name]
    assert process.wait(within=120) == 2, str(process)
    line = last_word(process)
    for words in MISTAKES[name][2]:
        assert words.replace("{at.", "{0.").format(world) in line
    assert process.stdout() == ""


def test_none_of_them_has_joined_the_group(started: tuple[Pipeline, dict[str, ChildProcess]]) -> None:
    """A group that ever had a member is listed by the broker for a while, empty as it may be."""
    pipeline, processes = started
    for process in processes.values():
        process.wait(within=120)
    with closing(KafkaAdminClient(bootstrap_servers=pipeline.kafka.bootstrap_servers)) as admin:
        assert pipeline.group not in str(admin.list_groups())
