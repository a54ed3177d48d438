"""``sluice explain ID`` where the event is gone: what the archive kept of it, or one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.memory import MemoryBroker, MemoryTopic, MemoryWriter
from pipeline.errors import ServiceError, UsageError
from pipeline.lab.explain import words
from pipeline.lab.explain.effort import FULL, LEAST
from pipeline.lab.explain.overlay import png
from pipeline.ports import Hooks
from pipeline.wire import Record
from tests.e2e.pictures import picture
from workers import assembly, cli
from workers.cli import app
from workers.explain import decided
from workers.explain.explained import Explained, why_of
from workers.explain.seen import seen_image
from workers.history import searching
from workers.settings import Settings
from workers.terminal.console import Terminal
from workers.terminal.explained import show
from workers.terminal.picture import UPPER_HALF

IMAGES, DECISIONS = "sluice.images.v1", "sluice.decisions.v1"


@dataclass(frozen=True)
class Decided:
    """A picture that was judged, with what is left of it."""

    options: list[str]
    archive: Path
    decision: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.decision["decision_id"])


@pytest.fixture(scope="module")
def scanned(judged_by: Callable[[float], list[str]], tmp_path_factory: pytest.TempPathFactory) -> Decided:
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "one.jpg").write_bytes(picture(1))
    options = judged_by(0.0)
    given = ("scan", folder / "one.jpg", *options, "--json", "--archive", folder / "archive")
    done = CliRunner().invoke(app, [*map(str, given)], standalone_mode=False)
    assert done.return_value == 1, done.output
    return Decided(options, folder / "archive", json.loads(done.stdout))


@pytest.fixture
def broker(scanned: Decided, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryBroker]:
    """A broker with the decision on an event of the images topic that retention has deleted."""
    broker = MemoryBroker(partitions=1)
    for module in (decided, searching):
        monkeypatch.setattr(module, "kafka_topic", lambda settings, name: MemoryTopic(broker, name))
    said = {**scanned.decision, "source": {"topic": IMAGES, "partition": 0, "offset": 0}}
    writer = MemoryWriter(broker)
    writer.write([Record(IMAGES, b"one", picture(1)), Record(DECISIONS, b"one", json.dumps(said).encode())])
    MemoryTopic(broker, IMAGES).delete_before({0: 1})
    yield broker
    writer.close()


def test_an_event_that_is_gone_is_explained_by_its_archived_features_without_a_map(
    scanned: Decided, broker: MemoryBroker
) -> None:
    given = [scanned.name, *scanned.options, "--archive", str(scanned.archive)]
    done = CliRunner().invoke(app, ["explain", *given, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    for name in ("decision_id", "verdict", "scores", "policy_set"):
        assert told[name] == scanned.decision[name]
    [why] = told["policies"]
    assert (why["score"], why["heat"]) == (scanned.decision["matches"][0]["score"], None)
    assert why["heads"][0]["evidence"] == scanned.decision["matches"][0]["evidence"]
    assert why["prompts"]
    assert "its archived features are explained" in told["notes"][0]


def test_an_event_that_is_gone_without_an_archive_is_one_line_and_status_2(
    scanned: Decided, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sluice", "explain", scanned.name, *scanned.options])
    assert cli._status() == 2
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert f"{scanned.name} cannot be explained: there is no event at {IMAGES}" in line
    assert "there is no archive (--archive)" in line


def test_a_map_that_cannot_be_is_told_after_the_table_with_the_reason(
    scanned: Decided, broker: MemoryBroker, tmp_path: Path
) -> None:
    given = [scanned.name, *scanned.options, "--archive", str(scanned.archive), "--heatmap", str(tmp_path / "no.png")]
    done = CliRunner().invoke(app, ["explain", *given, "--html", str(tmp_path / "page.html")], standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    (line,) = done.exception.lines
    assert line.endswith("no.png: only its archived features are left, and no picture to lay one over")
    assert "leads to review" in done.stdout
    assert "note: there is no event at" in done.stdout.replace("\n", " ")
    assert (tmp_path / "page.html").exists()
    assert not (tmp_path / "no.png").exists()


def test_an_id_that_the_archive_has_not_is_told_so_though_no_broker_answers(
    scanned: Decided, broker: MemoryBroker
) -> None:
    broker.available = False
    done = CliRunner().invoke(
        app,
        ["explain", "kitchen-knife-99.jpg", *scanned.options, "--archive", str(scanned.archive)],
        standalone_mode=False,
    )
    assert isinstance(done.exception, ServiceError)
    (line,) = done.exception.lines
    assert f"{scanned.archive}, 1 segments: nothing there is called so; " in line
    assert "no broker answers" in line


def test_an_event_that_the_archive_has_not_either_is_one_line(
    scanned: Decided, broker: MemoryBroker, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    given = ["explain", scanned.name, *scanned.options, "--archive", str(tmp_path / "archive")]
    with pytest.raises(UsageError, match="the archive has no such event") as raised:
        CliRunner().invoke(app, given, standalone_mode=False, catch_exceptions=False)
    assert len(raised.value.lines) == 1


Asked = Callable[[int], Explained]


@pytest.fixture(scope="module")
def asked(scanned: Decided) -> Asked:
    """Asks why the picture was flagged, without the command line, with a bound of the views that it may cost."""
    settings = Settings(**dict(zip(("model", "device", "dtype", "policies"), scanned.options[1::2], strict=True)))
    model = assembly.load_model(settings)
    judge = assembly.judge(settings, model, Hooks())
    seen = seen_image(settings, judge, picture(1), "one")
    return lambda most: why_of(model, judge.live(), seen, most=most)


@pytest.fixture(scope="module")
def answer(asked: Asked) -> Explained:
    return asked(FULL)


def test_who_asks_without_a_command_line_gets_rows_and_a_picture(scanned: Decided, answer: Explained) -> None:
    found, maps = answer
    [why] = found.policies
    assert (found.image, why.policy, why.score) == ("one", "anything", scanned.decision["scores"]["anything"])
    assert (found.passes, set(maps)) == (FULL, {"anything"})
    assert len(words.sentence_rows(why)) > 1
    assert len(list(words.proof(why))) == 3
    assert png(maps["anything"].heated).startswith(b"\x89PNG")


def test_no_more_views_are_shown_to_the_model_than_it_may_be_shown(asked: Asked) -> None:
    found, maps = asked(LEAST + 3)
    assert (found.passes, set(maps)) == (LEAST + 3, {"anything"})
    found, maps = asked(LEAST - 1)
    assert (found.passes, maps, found.policies[0].heat) == (0, {}, None)
    assert f"shown {LEAST - 1} views" in found.notes[-1]


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"FORCE_COLOR": "1", "COLORTERM": "truecolor"}, True),
        ({"FORCE_COLOR": "1", "COLORTERM": "", "TERM": "xterm-256color"}, True),
        ({"FORCE_COLOR": "1", "COLORTERM": "", "TERM": "xterm"}, False),
        ({"FORCE_COLOR": "1", "COLORTERM": "truecolor", "NO_COLOR": "1"}, False),
        ({}, False),
    ],
)
def test_a_terminal_with_colours_shows_the_map_and_any_other_has_it_in_words(
    answer: Explained,
    variables: dict[str, str],
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    show(*answer, Terminal())
    out = capsys.readouterr().out
    assert (UPPER_HALF in out) == shown
    assert "It comes from" in out
