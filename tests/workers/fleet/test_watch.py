"""Who is alive and makes no progress, by what it says of itself and by its silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.services.deadline import until
from tests.workers.fleet.stand_ins import roles
from workers.fleet import watch as watching
from workers.fleet.asking import Reply
from workers.fleet.process import Process
from workers.fleet.watch import FAILING, SILENT, Watch
from workers.health.server import HealthServer

WELL: Reply = (200, "ok\n")
STUCK: Reply = (503, "worker: nothing has moved for 130 s\nbrake: paused\n")
MUTE: Reply = (504, "no answer within 2 s")


class Machine:
    """Two processes of which nothing runs, what they would answer, and a clock that stands."""

    def __init__(self, folder: Path) -> None:
        encoder, moderators = roles(folder, ["serve", "serve"])
        self.encoder, self.moderator = Process(encoder), Process(moderators[0])
        self.encoder.life = self.moderator.life = 1
        self.answers: dict[Path, Reply] = {encoder.health: WELL, moderators[0].health: WELL}
        self.now = 1000.0
        self.watch = Watch([self.encoder, self.moderator], lambda: self.now)

    def says(self, answer: Reply, seconds: float = 0.0) -> str | None:
        """The moderator gives this answer for that many seconds. Returns why it counts as hung, if it does."""
        self.answers[self.moderator.role.health] = answer
        self.watch.look()
        self.now += seconds
        self.watch.look()
        return self.watch.hung(self.moderator)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    it = Machine(tmp_path)
    monkeypatch.setattr(watching, "ask", lambda path, _: it.answers[path])
    return it


def test_one_that_says_for_long_that_it_makes_no_progress_is_hung(machine: Machine) -> None:
    assert machine.says(WELL, 10_000) is None
    assert machine.says(STUCK, FAILING - 1) is None
    assert machine.says(STUCK, 2) == "worker: nothing has moved for 130 s"
    assert machine.watch.hung(machine.encoder) is None


def test_one_that_does_not_answer_is_given_more_time(machine: Machine) -> None:
    """To read a large model is a minute in a library that holds Python's lock."""
    assert machine.says(MUTE, SILENT - 1) is None
    assert machine.says(MUTE, 2) == "no answer within 2 s"


def test_one_that_does_not_listen_yet_is_given_as_much(machine: Machine) -> None:
    assert machine.says(None, SILENT - 1) is None
    assert machine.says(None, 2) == "it does not listen yet"


def test_one_good_answer_and_the_time_begins_anew(machine: Machine) -> None:
    assert machine.says(STUCK, FAILING - 1) is None
    assert machine.says(WELL) is None
    assert machine.says(STUCK, FAILING - 1) is None
    assert machine.says(MUTE, SILENT - 1) is None
    assert machine.says(STUCK, FAILING - 1) is None


def test_what_was_found_of_the_last_life_does_not_count_in_the_next(machine: Machine) -> None:
    assert machine.says(STUCK, FAILING + 1) is not None
    machine.moderator.life = 0
    assert machine.watch.hung(machine.moderator) is None
    machine.moderator.life = 2
    assert machine.watch.hung(machine.moderator) is None
    assert machine.says(STUCK, FAILING - 1) is None


def test_what_is_looked_after_is_shown_and_only_what_killing_did_not_help_fails(machine: Machine) -> None:
    machine.says((200, "ok\nbrake: paused\n"))
    assert machine.watch.notices() == ["moderator-1: brake: paused"]
    machine.says(STUCK, 2 * FAILING)
    assert machine.watch.notices() == [
        "moderator-1: worker: nothing has moved for 130 s",
        "moderator-1: brake: paused",
    ]
    assert machine.watch.beyond_help() is None
    machine.says(STUCK, 2 * FAILING)
    assert machine.watch.beyond_help() == "moderator-1: worker: nothing has moved for 130 s"


def test_it_looks_again_and_again_whatever_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK", 0.01)
    encoder, _ = roles(tmp_path, ["serve"])
    process = Process(encoder)
    process.life = 1
    failures = [ValueError("odd"), OSError("odd")]
    ask = watching.ask

    def odd(path: Path, question: str) -> Reply:
        if failures:
            raise failures.pop()
        return ask(path, question)

    monkeypatch.setattr(watching, "ask", odd)
    watch = Watch([process])
    watch.start()
    server = HealthServer(
        str(encoder.health), 0, CollectorRegistry(), lambda: None, lambda: None, lambda: ["brake: paused"]
    )
    until(lambda: watch.notices() == ["encoder: brake: paused"], 60, lambda: str(watch.notices()))
    server.close()
    watch.close()
    assert failures == []
