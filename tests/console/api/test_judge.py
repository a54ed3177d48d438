"""POST /v1/judge: the same decision as everywhere, batched, and what cannot be judged is told by its dead letter."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from pipeline.adapters.memory.given import GivenSource
from pipeline.errors import Reason
from pipeline.ports import Hooks
from pipeline.wire import Answer, Decided, Event, Failure, decision_json
from tests.console.api.served import JPEG, KNIFE, RAINBOW, Api, serve, settings_for, until
from workers import assembly
from workers.assembly import Judge
from workers.console.api.answers import status_of

OF_THE_EVENT = ("event_id", "decision_id", "image_id", "source", "event_time", "decided_at")


class Kept:
    """A publisher that keeps the answers."""

    def __init__(self) -> None:
        self.answers = list[Answer]()

    def publish(self, answers: Sequence[Answer]) -> None:
        self.answers += answers

    def close(self) -> None:
        """Nothing to free."""


def _by_a_worker(judge: Judge, image: bytes) -> dict[str, Any]:
    """The decision that a worker makes of the image."""
    kept, done, settings = Kept(), Flag(), settings_for()
    source = GivenSource([Event("in", 0, 0, b"k", image, timestamp=1.0)], done, lambda: 0.0)
    with (
        closing(assembly.claim_fetcher(settings)) as fetcher,
        assembly.moderator(settings, judge, source, kept, fetcher, Hooks()) as moderator,
    ):
        moderator.run(done)
    [answer] = kept.answers
    assert isinstance(answer, Decided)
    return json.loads(decision_json(answer.decision))


def _of_the_image(decision: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in decision.items() if name not in OF_THE_EVENT})


@pytest.mark.parametrize("image", [KNIFE, RAINBOW])
def test_the_decision_is_the_one_that_a_worker_makes(api: Api, judge: Judge, image: bytes) -> None:
    answer = api.post("/v1/judge", image, {"Content-Type": "image/png"})
    assert answer.status_code == 200
    assert _of_the_image(answer.json()) == _of_the_image(_by_a_worker(judge, image))
    assert answer.json()["verdict"] == ("block" if image is KNIFE else "allow")


def test_it_may_come_as_bytes_or_in_a_form(api: Api) -> None:
    name = "../\u202e<script>alert(1)</script>" + "n" * 2000
    plain = api.post("/v1/judge", KNIFE, {"Content-Type": "application/octet-stream"})
    form = api.post("/v1/judge", files={"image": (name, KNIFE, "text/html")})
    assert _of_the_image(plain.json()) == _of_the_image(form.json())


def test_the_callers_id_is_in_the_answer_and_without_one_it_is_made_up(api: Api) -> None:
    said = "pictures/<b>\u00fc.jpg"
    headers = {**JPEG, "Sluice-Image-Id": said.encode().decode("latin-1")}
    assert api.post("/v1/judge", KNIFE, headers).json()["image_id"] == said
    made = {api.post("/v1/judge", KNIFE, JPEG).json()["image_id"] for _ in range(2)}
    assert len(made) == 2
    assert api.post("/v1/judge", b"text", headers).json()["image_id"] == said


def test_those_that_wait_are_encoded_together(judge: Judge) -> None:
    with serve(judge) as api:
        api.encoder.gate.clear()
        first = api.posts("/v1/judge", [KNIFE])
        assert api.encoder.reached.wait(10)
        others = api.posts("/v1/judge", [KNIFE, RAINBOW] * 4)
        until(lambda: api.desk.requests == 9 and not api.desk.waiting)
        api.encoder.gate.set()
        verdicts = [each.result().json()["verdict"] for each in (*first, *others)]
        assert verdicts == ["block", *["block", "allow"] * 4]
        assert sum(api.encoder.views) == 9
        assert len(api.encoder.views) < 6


def test_a_poisoned_picture_is_its_own_failure(judge: Judge) -> None:
    with serve(judge) as api:
        api.encoder.gate.clear()
        first = api.posts("/v1/judge", [KNIFE])
        assert api.encoder.reached.wait(10)
        others = api.posts("/v1/judge", [KNIFE, b"\x00" * 99, KNIFE[: len(KNIFE) // 2], RAINBOW])
        until(lambda: api.desk.requests == 5 and not api.desk.waiting)
        api.encoder.gate.set()
        assert [each.result().status_code for each in (*first, *others)] == [200, 200, 422, 422, 200]
        letters = [each.result().json() for each in others[1:3]]
        assert [each["reason"] for each in letters] == [Reason.NOT_AN_IMAGE, Reason.TRUNCATED]
        assert all(each["message"] for each in letters)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", Reason.EMPTY), (b"<svg onload=alert(1)>", Reason.NOT_AN_IMAGE)]
)
def test_what_is_no_picture_is_422_with_the_reason(api: Api, content: bytes, reason: Reason) -> None:
    answer = api.post("/v1/judge", content, JPEG)
    assert (answer.status_code, answer.json()["reason"]) == (422, reason)


def test_a_claim_check_leads_where_the_settings_allow(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "knife.jpg").write_bytes(KNIFE)
    with serve(judge, fetch_allowed_stores=f"file://{tmp_path}/in") as api:

        def claim(uri: str, **more: str) -> tuple[int, dict[str, Any]]:
            answer = api.post("/v1/judge", json={"uri": uri, **more})
            return answer.status_code, answer.json()

        assert claim(f"file://{tmp_path}/in/knife.jpg")[1]["verdict"] == "block"
        for uri, reason in {
            f"file://{tmp_path}/in/none.jpg": Reason.FETCH_FAILED,
            "file:///etc/hostname": Reason.FETCH_REFUSED,
            "https://example.com/a.jpg": Reason.FETCH_REFUSED,
            "gopher://x": Reason.FETCH_REFUSED,
        }.items():
            status, letter = claim(uri)
            assert (status, letter["reason"]) == (422, reason)
        assert claim(f"file://{tmp_path}/in/knife.jpg", sha256="0" * 64)[1]["reason"] == Reason.CHECKSUM_MISMATCH
        malformed = api.post("/v1/judge", b'{"url": 1}', {"Content-Type": "application/json"})
        assert (malformed.status_code, malformed.json()["reason"]) == (422, Reason.MALFORMED_CLAIM)


def test_a_claim_whose_store_is_away_is_asked_for_again(judge: Judge) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        away = {"fetch_allow_http": True, "fetch_allow_private": True, "fetch_patience": 0.2}
        with serve(judge, fetch_allowed_hosts=host, **away) as api:
            answer = api.post("/v1/judge", json={"uri": f"http://{host}/a.jpg"})
    assert answer.status_code == 503
    assert answer.json()["reason"] == Reason.FETCH_FAILED
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("reason", "passing", "status"),
    [
        (Reason.DECODER_DIED, False, 422),
        (Reason.TOO_LARGE, False, 422),
        (Reason.STAGE_FAILED, False, 500),
        (Reason.ANSWER_REFUSED, False, 500),
        (Reason.FETCH_FAILED, True, 503),
    ],
)
def test_the_status_says_whose_fault_it_is(reason: Reason, passing: bool, status: int) -> None:
    assert status_of(Failure("stage", reason.value, "E", passing=passing)) == status
