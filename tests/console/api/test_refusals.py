"""What is not taken, and how that is said: sizes, kinds, deadlines, room, tokens, and a process that ends."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pipeline.errors import EncoderError, Reason, SettingsError, StopError
from tests.console.api.served import JPEG, KNIFE, Api, serve, settings_for, until
from workers.assembly import Judge
from workers.console.access.visitors import access_of
from workers.console.api import endpoints
from workers.console.api.answers import PROBLEM

TOO_LARGE = b"\xff\xd8" + b"x" * 200_000


def test_a_body_that_is_too_large_is_413_however_it_comes(api: Api) -> None:
    def in_pieces() -> Any:
        for start in range(0, len(TOO_LARGE), 50_000):
            yield TOO_LARGE[start : start + 50_000]

    for path in ("/v1/judge", "/v1/embeddings"):
        assert api.post(path, TOO_LARGE, JPEG).status_code == 413
        assert api.post(path, in_pieces(), JPEG).status_code == 413
        assert api.post(path, files={"image": TOO_LARGE}).status_code == 413
        assert api.post(path, json={"uri": "x" * 300_000}).status_code == 413
    assert api.post("/v1/judge", TOO_LARGE[:200_000], JPEG).status_code == 422
    assert api.desk.requests == 0


def test_a_claim_check_that_is_nested_too_deep_is_422_and_ends_nothing(api: Api) -> None:
    deep = b'{"uri": "https://a.example/", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answer = api.post("/v1/judge", deep, {"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (422, Reason.MALFORMED_CLAIM)
    assert api.post("/v1/judge", KNIFE, JPEG).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/html"}, {"Content-Type": "image"}, {**JPEG, "Content-Encoding": "gzip"}],
)
def test_kinds_that_are_not_taken_are_415_and_the_answer_names_those_that_are(
    api: Api, headers: dict[str, str]
) -> None:
    answer = api.post("/v1/judge", KNIFE, headers)
    assert answer.status_code == 415
    assert "image/*" in answer.json()["detail"] or "Content-Encoding" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sluice-Deadline": "soon"},
        {"Sluice-Deadline": "0"},
        {"Sluice-Deadline": "nan"},
        {"Sluice-Deadline": "inf"},
        {"Sluice-Deadline": "11"},
        {"Sluice-Image-Id": ""},
        {"Sluice-Image-Id": "x" * 10_000},
        {"Sluice-Image-Id": "\u202egnp.exe".encode().decode("latin-1")},
        {"Sluice-Image-Id": "\xff\xfe"},
        {"Sluice-Image-Id": "a\tb"},
    ],
)
def test_a_header_that_does_not_hold_is_400_and_named(api: Api, headers: dict[str, str]) -> None:
    answer = api.post("/v1/judge", KNIFE, {**JPEG, **headers})
    assert answer.status_code == 400
    assert next(iter(headers)) in answer.json()["detail"]


@pytest.mark.parametrize("files", [{"other": b"x"}, {"image": b"a", "second": b"b"}])
def test_a_form_without_its_one_file_is_400(api: Api, files: dict[str, bytes]) -> None:
    assert api.post("/v1/judge", files=files).status_code == 400


def test_a_form_that_cannot_be_read_is_400(api: Api) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=b"):
        assert api.post("/v1/judge", b"--b\r\nnonsense", {"Content-Type": kind}).status_code == 400


def test_a_form_that_was_cut_off_is_400_and_says_so(api: Api) -> None:
    begun = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + KNIFE
    answer = api.post("/v1/judge", begun, {"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400
    assert "ends before the file does" in answer.json()["detail"]


def test_after_the_deadline_it_is_504_and_what_waits_is_never_begun(judge: Judge) -> None:
    soon = {**JPEG, "Sluice-Deadline": "0.2"}
    with serve(judge) as api:
        api.encoder.gate.clear()
        assert api.post("/v1/judge", KNIFE, soon).status_code == 504
        assert api.desk.requests == 0
        api.encoder.gate.set()
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 200
        assert api.metric("sluice_api_requests_total", endpoint="/v1/judge", status="504") == 1


def test_a_body_that_does_not_come_in_is_408(judge: Judge) -> None:
    with serve(judge) as api, socket.create_connection(("127.0.0.1", api.port)) as slow:
        slow.sendall(
            b"POST /v1/judge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
            b"Sluice-Deadline: 0.2\r\nContent-Length: 1000\r\n\r\nabc"
        )
        slow.settimeout(10)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_past_its_bound_it_is_429_with_when_to_come_back(judge: Judge) -> None:
    with serve(judge, api_waiting=2) as api:
        api.encoder.gate.clear()
        inside = api.posts("/v1/judge", [KNIFE, KNIFE])
        until(lambda: api.desk.requests == 2)
        refused = api.post("/v1/judge", KNIFE, JPEG)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "1"
        api.encoder.gate.set()
        assert [each.result().status_code for each in inside] == [200, 200]
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 200


def test_past_its_bound_of_bytes_it_is_429(judge: Judge) -> None:
    with serve(judge, max_inflight_bytes=len(KNIFE) * 3 // 2) as api:
        api.encoder.gate.clear()
        [inside] = api.posts("/v1/judge", [KNIFE])
        assert api.encoder.reached.wait(10)
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 429
        api.encoder.gate.set()
        assert inside.result().status_code == 200
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 200


def test_a_client_that_hangs_up_leaves_nothing_behind(judge: Judge) -> None:
    head = b"POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    with serve(judge) as api:
        api.encoder.gate.clear()
        for body in (KNIFE, KNIFE[:100]):
            with socket.create_connection(("127.0.0.1", api.port)) as client:
                client.sendall(head % len(KNIFE) + body)
                until(lambda: api.desk.requests == 1)
            until(lambda: api.desk.requests == 0)
        api.encoder.gate.set()
        gone = {"endpoint": "/v1/judge", "status": "499"}
        until(lambda: api.metric("sluice_api_requests_total", **gone) == 2)
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 200
        assert api.metric("sluice_api_requests_in_flight") == 0


def test_a_token_is_asked_for_where_there_are_any(judge: Judge) -> None:
    secret = "a-secret-of-sixteen"
    with serve(judge, console_tokens=f"shop:viewer:{secret}") as api:

        def status(path: str, said: str | None = None) -> int:
            return api.post(path, KNIFE, {**JPEG, "Authorization": said} if said else JPEG).status_code

        for path in ("/v1/judge", "/v1/embeddings"):
            assert status(path) == status(path, "Bearer") == status(path, f"Bearer {secret}x") == 401
            assert status(path, f"Basic {secret}") == 401
            assert status(path, f"Bearer {secret}") == status(path, f"bearer {secret}") == 200
        refused = api.post("/v1/judge", KNIFE, JPEG)
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "Authorization: Bearer" in refused.json()["detail"]
        assert api.get("/v1/openapi.json").status_code == 200


def test_others_come_in_by_token_alone() -> None:
    with pytest.raises(SettingsError, match=r"api_host 0\.0\.0\.0 .* console_tokens"):
        access_of(settings_for(api_host="0.0.0.0"), "api_host")


def test_a_page_of_another_site_makes_nobodys_browser_ask(api: Api) -> None:
    assert api.post("/v1/judge", KNIFE, {**JPEG, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert api.post("/v1/judge", KNIFE, {**JPEG, "Host": "rebound.example"}).status_code == 421


def test_a_fault_of_ours_is_a_problem_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_fault(*_: object) -> str:
        raise RuntimeError("nobody foresaw it")

    monkeypatch.setattr(endpoints, "kind_of", at_fault)
    answer = api.post("/v1/judge", KNIFE, JPEG)
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "nobody" not in answer.text


@pytest.mark.parametrize("header", [{"Sec-Fetch-Site": "cross-site"}, {"Host": "rebound.example"}])
def test_what_the_door_refuses_is_a_problem_in_the_words_of_the_api(api: Api, header: dict[str, str]) -> None:
    answer = api.post("/v1/judge", KNIFE, {**JPEG, **header})
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == answer.status_code
    assert "console's" not in answer.text
    assert "this console" not in answer.text


def test_an_origin_that_is_none_is_refused(api: Api) -> None:
    assert api.post("/v1/judge", KNIFE, {**JPEG, "Origin": "http://[x"}).status_code == 403


def test_what_was_taken_is_answered_at_a_stop_and_newcomers_are_told(judge: Judge) -> None:
    with serve(judge) as api:
        api.encoder.gate.clear()
        inside = api.posts("/v1/judge", [KNIFE] * 3)
        assert api.encoder.reached.wait(10)
        until(lambda: api.desk.requests == 3)
        api.stop.set()
        refused = api.post("/v1/judge", KNIFE, JPEG)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        api.encoder.gate.set()
        assert [each.result().status_code for each in inside] == [200] * 3
        assert api.desk.through.wait(10)
    assert api.errors == []


def test_where_the_device_fails_all_are_told_and_the_process_ends(judge: Judge) -> None:
    with serve(judge) as api:
        api.encoder.gate.clear()
        inside = api.posts("/v1/judge", [KNIFE] * 3)
        assert api.encoder.reached.wait(10)
        api.encoder.broken = EncoderError("the device is gone")
        api.encoder.gate.set()
        assert [each.result().status_code for each in inside] == [503] * 3
        until(lambda: bool(api.errors))
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 503
    assert isinstance(api.errors[0], StopError)
    assert "the device is gone" in str(api.errors[0])


def test_where_it_fails_at_sentences_the_process_ends_as_well(judge: Judge) -> None:
    with serve(judge) as api:
        api.encoder.broken = EncoderError("the device is gone")
        assert api.post("/v1/embeddings", json={"texts": ["a knife"]}).status_code == 503
        until(lambda: bool(api.errors))
    assert "the device is gone" in str(api.errors[0])


def test_while_only_trials_are_taken_the_others_are_told_why(judge: Judge) -> None:
    with serve(judge, brake_run=1, brake_trial_interval=60.0) as api:
        api.encoder.nonsense = True
        assert api.post("/v1/judge", KNIFE, JPEG).status_code == 500
        until(lambda: api.braked() is not None)
        trial = {**JPEG, "Sluice-Deadline": "1.5"}
        [waiting] = api.posts("/v1/judge", [KNIFE], trial)
        until(lambda: api.desk.waiting == 1)
        refused = api.post("/v1/judge", KNIFE, JPEG)
        assert refused.status_code == 503
        assert "dead letters for reasons that are ours" in refused.json()["detail"]
        assert waiting.result().status_code == 504
