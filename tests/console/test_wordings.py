"""Words that are typed into *Search* and the *Playground*: all of them count, or the page says why none does."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.console.test_policies import EDITOR, VIEWER, Desk, desk, settings
from workers.console.pages import search
from workers.console.wordings import LONGEST, MOST

__all__ = ["desk", "settings"]
MANY = [f"a thing of kind {number}" for number in range(MOST + 1)]
REFUSED = [(MANY, f"{MOST + 1} wordings, and {MOST} are taken"), (["a" * (LONGEST + 1)], f"{LONGEST} are taken")]


@pytest.fixture
def editor(desk: Desk) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=desk.console.address, headers=EDITOR, timeout=60) as made:
        yield made


@pytest.mark.parametrize(("words", "why"), REFUSED, ids=["too many", "too long"])
def test_no_wording_is_left_out_unsaid(editor: httpx2.Client, desk: Desk, words: list[str], why: str) -> None:
    lines, parted = "\n".join(words), "; ".join(words)
    answers = [
        editor.get("/search", params={"words": lines}),
        editor.get("/search", params={"words": "a frog", "unless": lines}),
        editor.get("/search/chosen", params={"words": lines, "pick": "a"}),
        editor.get("/playground", params={"words": parted}),
        editor.post("/playground/save", data={"words": parted, "name": "things"}),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert why in answer.text
    assert not (desk.folder / "things.yaml").exists()


def test_as_many_wordings_as_are_taken_all_count(editor: httpx2.Client, desk: Desk) -> None:
    words = MANY[:MOST]
    assert editor.get("/search", params={"words": "\n".join(words)}).status_code == 200
    assert editor.post("/playground/save", data={"words": ";".join(words), "name": "things"}).status_code == 303
    written = (desk.folder / "things.yaml").read_text()
    assert all(f'  - "{each}"\n' in written for each in words)


def test_until_now_is_what_the_field_proposes(editor: httpx2.Client) -> None:
    asked = {"words": "a frog", "until": "now"}
    assert "1 found" in editor.get("/search", params=asked).text


def test_a_name_that_is_taken_is_refused_without_options_of_a_command(editor: httpx2.Client) -> None:
    page = editor.get("/search", params={"words": "a frog"}).text
    event = page.split('name="pick" value="')[1].split('"')[0]
    form = {"of-words": "a frog", "picks": event, "name": "weapons"}
    answer = editor.post("/search/policy", data=form)
    assert answer.status_code == 422
    assert "weapons.yaml is there already; name another" in answer.text
    assert "--" not in answer.text.partition('role="alert">')[2].partition("</p>")[0]


def test_an_upload_that_does_not_come_in_is_408(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SLOWEST_UPLOAD", 0.2)
    host, _, port = desk.console.address.removeprefix("http://").rstrip("/").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as sender:
        headers = [
            "POST /search/picture HTTP/1.1",
            f"host: {host}:{port}",
            f"authorization: {VIEWER['authorization']}",
            "content-type: multipart/form-data; boundary=x",
            "content-length: 100000",
        ]
        part = 'content-disposition: form-data; name="file"; filename="a.png"'
        sender.sendall("\r\n".join([*headers, "", "--x", part, "", "begun"]).encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 408 ")
