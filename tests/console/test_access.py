"""Who may see and do what."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from pipeline.errors import SettingsError
from pipeline.ports import Decoder
from tests.console.served import Served, served
from workers.console.access import visitors
from workers.console.access.forgery import is_called, is_forged
from workers.console.access.roles import Role
from workers.console.access.visitors import access_of
from workers.console.app import create
from workers.console.pages.registry import PAGES
from workers.console.routes import Guarded, get
from workers.settings import Settings, load_settings

TOKENS = "vera:viewer:vvvvvvvvvvvvvvvv,rob:reviewer:rrrrrrrrrrrrrrrr,ed:editor:eeeeeeeeeeeeeeee"


@pytest.fixture(scope="module")
def guarded(decoder: Decoder) -> Iterator[Served]:
    """A console to which people come by tokens."""
    with served(load_settings({"console_tokens": TOKENS}), decoder) as made:
        yield made


@pytest.fixture
def client(guarded: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=guarded.address, headers={"accept": "text/html"}) as made:
        yield made


def test_every_route_asks_for_a_role_and_one_that_does_not_is_refused(guarded: Served) -> None:
    open_to_all = {"/sign-in", "/sign-out"}
    for page in PAGES:
        for route in page.routes(guarded.console, print):  # type: ignore[arg-type]
            assert isinstance(route, Guarded)
            assert (route.role is Role.ANYBODY) == (route.path in open_to_all), route.path
    with pytest.raises(TypeError, match="asks for no role"):
        create(guarded.console, [Route("/open", lambda _: PlainTextResponse("open"))])


def test_a_token_signs_in_until_it_is_taken_away(guarded: Served, client: httpx2.Client) -> None:
    asked = client.get("/live?show=all")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?then=%2Flive%3Fshow%3Dall")
    assert client.get("/live/series", headers={"accept": "*/*"}).status_code == 401
    assert client.post("/sign-in", data={"token": "x" * 16}).status_code == 401
    signed = client.post("/sign-in", data={"token": "v" * 16, "then": "/live?show=all"})
    assert (signed.status_code, signed.headers["location"]) == (303, "/live?show=all")
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "v" * 16 not in cookie
    assert client.get("/live").status_code == 200
    name, ends, code = client.cookies["sluice-console"].split("~")
    for forged in (f"ed~{ends}~{code}", f"{name}~{float(ends) + 1}~{code}", "", "~~", "é"):
        answer = httpx2.get(f"{guarded.address}/live/series", headers={"cookie": f"sluice-console={forged}".encode()})
        assert answer.status_code == 401


def test_who_signs_out_leaves_no_cookie_that_is_good(guarded: Served, client: httpx2.Client) -> None:
    client.post("/sign-in", data={"token": "r" * 16})
    copy = {"cookie": f"sluice-console={client.cookies['sluice-console']}"}
    assert httpx2.get(f"{guarded.address}/live/series", headers=copy).status_code == 200
    assert client.post("/sign-out").status_code == 303
    assert httpx2.get(f"{guarded.address}/live/series", headers=copy).status_code == 401


def test_two_who_sign_in_by_one_token_at_once_sign_out_each_for_themselves() -> None:
    access = visitors.Access([visitors.Token("rob", Role.REVIEWER, "r" * 16)], clock=lambda: 1e9)
    first, second = (with_cookie(access, "r" * 16) for _ in range(2))
    assert access.sign_out(first)
    assert access.sign_out(first) is None
    assert (access.visitor(first).name, access.visitor(second).name) == ("nobody", "rob")


def with_cookie(access: visitors.Access, secret: str) -> Request:
    """Somebody who signed in by that token."""
    _, cookie = access.cookie(secret) or pytest.fail("nobody has the token")
    headers = [(b"cookie", f"sluice-console={cookie}".encode())]
    return Request({"type": "http", "headers": headers, "client": None})


def test_what_was_signed_out_is_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "MOST_SIGNED_OUT", 2)
    now = 1e9
    access = visitors.Access([visitors.Token("vera", Role.VIEWER, "v" * 16)], clock=lambda: now)
    brought = list[Request]()
    for _ in range(3):
        now += 1
        brought.append(with_cookie(access, "v" * 16))
        access.sign_out(brought[-1])
    assert [access.visitor(each).role for each in brought] == [Role.VIEWER, Role.ANYBODY, Role.ANYBODY]
    now += visitors.SIGNED_IN
    assert all(access.visitor(each).role is Role.ANYBODY for each in brought)


def test_signing_in_leads_nowhere_else(client: httpx2.Client) -> None:
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        signed = client.post("/sign-in", data={"token": "v" * 16, "then": elsewhere})
        assert signed.headers["location"] == "/"


def test_a_viewer_may_not_do_what_an_editor_may(guarded: Served) -> None:
    from workers.console.routes import post

    done = list[str]()
    app = create(
        guarded.console, [post("/edit", lambda _: done.append("x") or PlainTextResponse("ok"), role=Role.EDITOR)]
    )
    client = TestClient(app, base_url="http://localhost")
    assert client.post("/edit", headers={"authorization": "Bearer " + "v" * 16}).status_code == 403
    assert client.post("/edit", headers={"authorization": "Bearer " + "r" * 16}).status_code == 403
    assert not done
    assert client.post("/edit", headers={"authorization": "Bearer " + "e" * 16}).status_code == 200
    assert done


def test_requests_that_other_sites_make_and_names_that_are_not_ours_are_refused(console: Served) -> None:
    with httpx2.Client(base_url=console.address) as client:
        forged = client.post("/sign-out", headers={"sec-fetch-site": "cross-site"})
        assert forged.status_code == 403
        assert client.post("/sign-out", headers={"origin": "http://evil.example"}).status_code == 403
        assert client.post("/sign-out", headers={"sec-fetch-site": "same-origin"}).status_code == 303
        rebound = client.get("/live", headers={"host": "evil.example:8321"})
        assert rebound.status_code == 421


@pytest.mark.parametrize(
    ("site", "destination", "status"),
    [
        ("cross-site", "image", 403),
        ("same-site", "empty", 403),
        ("cross-site", "iframe", 403),
        ("cross-site", "document", 200),
        ("same-origin", "image", 200),
        ("none", "document", 200),
    ],
)
def test_no_page_of_others_has_a_part_of_ours_and_a_link_to_one_may_be_followed(
    console: Served, site: str, destination: str, status: int
) -> None:
    asked = {"sec-fetch-site": site, "sec-fetch-dest": destination}
    assert httpx2.get(f"{console.address}/live", headers=asked).status_code == status


@pytest.mark.parametrize("place", ["/pictures/clear/t/0/", "/pictures/veiled/t/0/", "/dead-letters/0/"])
def test_a_place_of_thousands_of_digits_is_no_page(guarded: Served, place: str) -> None:
    assert httpx2.get(f"{guarded.address}{place}{'9' * 5000}").status_code == 404


def test_every_answer_forbids_what_strangers_could_use(console: Served) -> None:
    for path in ("/live", "/nowhere", "/static/console.js", "/pictures/clear/none/0/0"):
        headers = httpx2.get(f"{console.address}{path}").headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


SIGN_OUT = "POST /sign-out HTTP/1.1", "Host: localhost", "Content-Length: 0"
PICTURE = "POST /search/picture HTTP/1.1", "Host: localhost", "Content-Length: 3"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((*SIGN_OUT, "Origin: http://[x"), 403),
        ((*SIGN_OUT, "Origin: null"), 403),
        ((*SIGN_OUT, "Referer: http://[x"), 303),
        ((*SIGN_OUT, "Cookie: sluice-console=~;=;\x80"), 303),
        (("GET /live HTTP/1.1", "Host: [x"), 421),
        (("GET /live?%ff=%00 HTTP/1.1", "Host: localhost", "Accept: text/html"), 200),
        (("GET /static/%00 HTTP/1.1", "Host: localhost"), 404),
        ((*PICTURE, "Content-Type: multipart/form-data", "", "--b"), 400),
        ((*PICTURE, "Content-Type: multipart/form-data; boundary=b", "", "abc"), 400),
        ((*PICTURE, "Content-Type: multipart/form-data; boundary=" + "b" * 300, "", "abc"), 400),
    ],
)
def test_what_is_malformed_is_refused_as_all_else_is(console: Served, lines: tuple[str, ...], status: int) -> None:
    end = "" if "" in lines else "\r\n\r\n"
    with socket.create_connection(("127.0.0.1", console.serving.port), timeout=30) as made:
        made.sendall(("\r\n".join(lines) + end).encode("latin-1"))
        head = made.recv(1 << 16).decode("latin-1")
    assert head.startswith(f"HTTP/1.1 {status} "), head
    assert "default-src 'none'" in head


def test_a_form_of_very_many_fields_is_413(console: Served) -> None:
    for path in ("/search/list", "/search/list.csv", "/search/policy"):
        answer = httpx2.post(f"{console.address}{path}", data={f"f{number}": "x" for number in range(1500)})
        assert answer.status_code == 413
        assert "1,000 fields" in answer.text


def test_a_fault_of_ours_has_the_headers_too_and_is_told_the_log(guarded: Served) -> None:
    def at_fault(_: Request) -> Response:
        raise RuntimeError("nobody foresaw it")

    app = create(guarded.console, [get("/at-fault", at_fault, role=Role.VIEWER)])
    asked = {"authorization": f"Bearer {'v' * 16}"}
    answer = TestClient(app, base_url="http://localhost", raise_server_exceptions=False).get(
        "/at-fault", headers=asked
    )
    assert answer.status_code == 500
    assert "a fault of its own" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    with pytest.raises(RuntimeError, match="nobody foresaw it"):
        TestClient(app, base_url="http://localhost").get("/at-fault", headers=asked)


def test_whom_others_can_reach_must_say_who_may_come_in() -> None:
    with pytest.raises(SettingsError, match="console_tokens"):
        access_of(load_settings({"console_host": "0.0.0.0"}))
    assert access_of(load_settings({"console_host": "0.0.0.0", "console_tokens": TOKENS})).takes_tokens


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {"x-forwarded-user": "ann"}, 200),
        ("127.0.0.1", {"x-forwarded-user": "stranger"}, 401),
        ("127.0.0.1", {}, 401),
        ("10.0.0.9", {"x-forwarded-user": "ann"}, 401),
        ("::ffff:127.0.0.1", {"x-forwarded-user": "ann"}, 200),
        ("::ffff:10.0.0.9", {"x-forwarded-user": "ann"}, 401),
        ("::1", {"x-forwarded-user": "ann"}, 401),
        ("somewhere", {"x-forwarded-user": "ann"}, 401),
    ],
)
def test_a_proxy_is_believed_where_it_is_trusted(
    decoder: Decoder, peer: str, headers: dict[str, str], status: int
) -> None:
    trusting = load_settings(
        {"console_trusted_proxies": "127.0.0.0/8", "console_roles": "ann:viewer", "console_names": "testserver"}
    )
    with served(trusting, decoder) as made:
        client = TestClient(create(made.console), client=(peer, 1))
        assert client.get("/live", headers=headers).status_code == status


def test_no_tokens_are_none_and_one_beyond_ascii_is_known_however_it_comes() -> None:
    assert not access_of(load_settings({"console_tokens": ""})).takes_tokens
    token = "\u00e9" * 16
    access = access_of(load_settings({"console_tokens": f"jos:viewer:{token}"}))
    brought = [(b"authorization", f"Bearer {token}".encode())]
    assert access.visitor(Request({"type": "http", "headers": brought, "client": None})).name == "jos"
    assert access.cookie(token)


def test_a_name_that_a_proxy_gives_is_read_as_it_was_meant() -> None:
    access = access_of(load_settings({"console_trusted_proxies": "10.0.0.7", "console_roles": "*:viewer"}))
    for sent, name in (("Jos\u00e9".encode(), "Jos\u00e9"), (b"Jos\xe9", "Jos\u00e9")):
        scope = {"type": "http", "headers": [(b"x-forwarded-user", sent)], "client": ("10.0.0.7", 1)}
        assert access.visitor(Request(scope)).name == name


@pytest.mark.parametrize(("at", "called"), [("127.0.0.2", "127.0.0.2:8321"), ("0:0::1", "[0:0::1]")])
def test_a_console_on_loopback_is_called_as_it_was_told_to_be(at: str, called: str) -> None:
    names = access_of(load_settings({"console_host": at})).by_name
    assert is_called(called, names)
    assert is_called("localhost", names)
    assert not is_called("evil.example", names)


@pytest.mark.parametrize(
    "wrong",
    [
        "ed:editor:tiny-secret",
        "ed:king:kkkkkkkkkkkkkkkkkk",
        "no role at all",
        f"{TOKENS},{TOKENS}",
        f"{TOKENS},bob:viewer:{'e' * 16}",
    ],
)
def test_tokens_that_make_no_sense_are_refused_without_being_shown(wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"console_tokens": wrong})
    assert "--console-tokens" in str(refused.value)
    assert not {"kkkkkkkkkkkkkkkkkk", "tiny-secret", "vvvvvvvvvvvvvvvv"} & set(
        str(refused.value).replace(":", " ").split()
    )


@settings_of(max_examples=50)
@given(st.text(), st.text())
def test_whatever_headers_say_the_rules_hold(host: str, origin: str) -> None:
    headers = Headers({"host": host, "origin": origin}) if (host + origin).isascii() else Headers({})
    assert is_forged("GET", headers) is False
    assert is_called(host, None)
    is_called(host, ("localhost",))
    is_forged("POST", headers)


@pytest.mark.parametrize(
    ("host", "called"),
    [
        ("localhost:8321", True),
        ("LOCALHOST", True),
        ("127.0.0.1:1", True),
        ("[::1]:8321", True),
        ("[::1]", True),
        ("localhost.evil.example", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(settings: Settings, host: str, called: bool) -> None:
    assert is_called(host, access_of(settings).by_name) is called
