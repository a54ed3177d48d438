"""What a scan prints of each answer, and that one which cannot be printed costs its neighbours nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pipeline.errors import RefusedError
from pipeline.wire import Decided, Event, Failed, Failure
from tests.deploy.traffic import decision
from workers.scan.report import ScanReport
from workers.terminal.console import Terminal


def decided(name: str, score: float, **changed: Any) -> Decided:
    made = msgspec.structs.replace(decision({"weapons": score}), image_id=name, **changed)
    return Decided(Event("files", 0, 0, name.encode(), None), made)


def failed(key: bytes) -> Failed:
    return Failed(Event("files", 0, 0, key, None), "e", Failure("fetch", "empty", "E", "no \udcff bytes"), ("odd",))


@pytest.fixture
def advanced() -> list[int]:
    return []


def report(advanced: list[int], *, as_json: bool) -> ScanReport:
    return ScanReport(Terminal(), as_json=as_json, advance=advanced.append)


def test_answers_are_printed_in_order_and_counted(advanced: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    made = report(advanced, as_json=False)
    made.publish([decided("clean", 0.1), failed(b"half"), decided("knife", 0.9)])
    verdicts = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert verdicts == ["allow", "unread", "review"]
    assert str(made) == "2 judged, 1 of them flagged; 1 unread"
    assert (made.exit_status, advanced) == (3, [3])


def test_json_says_of_an_answer_what_its_record_would(
    advanced: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    report(advanced, as_json=True).publish([decided("clean", 0.1), failed(b"caf\xe9")])
    clean, half = map(json.loads, capsys.readouterr().out.splitlines())
    assert clean == msgspec.to_builtins(decided("clean", 0.1).decision)
    assert half == {
        "schema": "sluice.dead_letter.v1",
        "event_id": "e",
        "image_id": "caf\\xe9",
        "stage": "fetch",
        "reason": "empty",
        "message": "no ? bytes",
        "notes": ["odd"],
        "source": {"topic": "files", "partition": 0, "offset": 0},
        "time": None,
        "stored": None,
        "policy_set": "",
        "replays": 0,
        "left_out": "",
        "bytes": 0,
    }


def test_one_that_cannot_be_printed_is_refused_and_all_others_are_printed(
    advanced: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    made = report(advanced, as_json=True)
    with pytest.raises(RefusedError) as raised:
        made.publish([decided("a", 0.1), decided("odd", 0.1, frames=object()), decided("b", 0.1)])
    assert set(raised.value.unwritten) == {1}
    assert [json.loads(line)["image_id"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]
    assert (made.judged, advanced) == (2, [2])


def test_a_line_says_why_the_first_policy_matched(capsys: pytest.CaptureFixture[str]) -> None:
    answer = decided("knife", 0.9)
    report([], as_json=False).publish([answer])
    assert capsys.readouterr().out.rstrip().endswith(answer.decision.matches[0].why)
