"""Claim checks in folders: what lies below them, and nothing that a path could be led to beside."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.local import folders
from pipeline.adapters.local.folders import FolderFetcher
from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.claims import allowed_location
from pipeline.wire import Claim

IMAGE = b"\x89PNG an image"
MOST = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    (made / "sub").mkdir(parents=True)
    (made / "a.png").write_bytes(IMAGE)
    (made / "sub" / "b.png").write_bytes(IMAGE)
    (tmp_path / "secret").write_bytes(b"a secret")
    (tmp_path / "images-of-others").mkdir()
    (tmp_path / "images-of-others" / "a.png").write_bytes(b"a secret")
    return made


def fetch(folder: Path, uri: str, **settings: float) -> bytes:
    chosen = {"max_bytes": MOST, "timeout": 20.0, **settings}
    return FolderFetcher([allowed_location(folder.as_uri())], **chosen).fetch(Claim(uri))  # type: ignore[arg-type]


def refusal(folder: Path, uri: str, **settings: float) -> ItemError:
    with pytest.raises(ItemError) as caught:
        fetch(folder, uri, **settings)
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        "/images/../secret",
        "/images/%2e%2e/secret",
        "/images/%2E./secret",
        "/images/..%2fsecret",
        "/images/sub/../../secret",
        "/images//a.png",
        "/images/./a.png",
        "/images/a.png/",
        "/images/%00",
        "/images/a.png%00.jpg",
        "/images/a.png?x",
        "/images/a.png#x",
        "/images/%zz",
        "/images/%",
        "/images-of-others/a.png",
        "/secret",
        "/images",
        "/images/",
        "",
    ],
)
def test_a_path_leads_below_the_folder_or_is_refused(folder: Path, path: str) -> None:
    error = refusal(folder, folder.parent.as_uri() + path)
    assert (type(error), error.reason) == (ItemError, Reason.FETCH_REFUSED)


@pytest.mark.parametrize("uri", ["file://localhost{}/a.png", "file:{}/a.png", "file://{}", "{}/a.png", "file:///"])
def test_only_an_address_without_a_host_is_one(folder: Path, uri: str) -> None:
    assert refusal(folder, uri.format(folder)).reason is Reason.FETCH_REFUSED


def test_an_encoded_name_is_the_name(folder: Path) -> None:
    for name in ("with blank%20#?.png", "ü.png", b"\xff.png"):
        path = Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name))))  # noqa: PTH118
        path.write_bytes(IMAGE)
        assert fetch(folder, path.as_uri()) == IMAGE


def link(place: Path, target: Path | str) -> Path:
    place.symlink_to(target)
    return place


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: link(folder / "out", folder.parent / "secret"),
        lambda folder: link(folder / "out", "../secret"),
        lambda folder: link(folder / "out", "/etc/hostname"),
        lambda folder: link(folder / "dir", folder.parent) / "secret",
        lambda folder: link(folder / "dir", "/") / "etc" / "hostname",
        lambda folder: link(folder / "twice", link(folder / "once", folder.parent / "secret")),
        lambda folder: link(folder / "round", "round"),
        lambda folder: link(folder / "zero", "/dev/zero"),
        lambda folder: folder / "sub",
    ],
    ids=["absolute", "relative", "system", "folder", "root", "twice", "circle", "device", "a folder"],
)
def test_what_is_no_file_below_the_folder_is_refused(folder: Path, make: Callable[[Path], Path]) -> None:
    error = refusal(folder, make(folder).as_uri())
    assert (type(error), error.reason) == (ItemError, Reason.FETCH_REFUSED)
    assert "secret" not in str(error).removeprefix(str(folder))


def test_a_link_to_another_place_below_the_folder_is_followed(folder: Path) -> None:
    """As clusters mount their volumes: ``..data`` is a link, and every file is one through it."""
    link(folder / "..data", "sub")
    for place in (link(folder / "c.png", "..data/b.png"), folder / "..data" / "b.png"):
        assert fetch(folder, place.as_uri()) == IMAGE


def test_the_allowed_folder_may_be_a_link_itself(folder: Path) -> None:
    named = link(folder.with_name("current"), folder)
    assert fetch(named, (named / "a.png").as_uri()) == IMAGE


def test_a_pipe_a_socket_and_a_device_are_refused_without_waiting(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        for name in ("pipe", "socket"):
            error = refusal(folder, (folder / name).as_uri(), timeout=300.0)  # whoever waits, waits for ever
            assert (type(error), error.reason) == (ItemError, Reason.FETCH_REFUSED)
            assert "no file" in str(error)


def test_a_part_that_becomes_a_link_after_it_was_looked_at_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    realpath = os.path.realpath

    def then_swapped(path: Path, *, strict: bool) -> str:
        found = realpath(path, strict=strict)
        if path != folder and not (folder / "sub").is_symlink():
            (folder / "sub").rename(folder / "was")
            link(folder / "sub", folder.parent / "images-of-others")
        return found

    monkeypatch.setattr(folders.os.path, "realpath", then_swapped)
    (folder.parent / "images-of-others" / "b.png").write_bytes(b"a secret")
    with pytest.raises(ItemError) as caught:
        fetch(folder, (folder / "sub" / "b.png").as_uri())
    assert caught.value.reason in {Reason.FETCH_REFUSED, Reason.FETCH_FAILED}


def test_a_file_that_grows_is_cut_off_and_one_without_a_size_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "grows").write_bytes(b"x" * (MOST + 1))
    fstat = os.fstat
    monkeypatch.setattr(
        folders.os, "fstat", lambda descriptor: os.stat_result((*fstat(descriptor)[:6], 0, *fstat(descriptor)[7:]))
    )
    assert refusal(folder, (folder / "grows").as_uri()).reason is Reason.TOO_LARGE
    assert fetch(folder, (folder / "a.png").as_uri()) == IMAGE


def test_a_file_that_may_not_be_read_is_its_own_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_open(monkeypatch, folder, errno.EACCES)
    error = refusal(folder, (folder / "a.png").as_uri())
    assert (type(error), error.reason) == (ItemError, Reason.FETCH_FAILED)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EMFILE, errno.ETIMEDOUT])
def test_a_disk_or_a_mount_that_fails_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fail_to_open(monkeypatch, folder, number)
    error = refusal(folder, (folder / "a.png").as_uri())
    assert (type(error), error.reason) == (RetryError, Reason.FETCH_FAILED)


def fail_to_open(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int) -> None:
    def failing(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folders, "_opened", failing)


@pytest.mark.parametrize("name", ["a.png", "none.png"])
def test_a_folder_that_is_gone_or_empty_is_waited_for(folder: Path, name: str) -> None:
    folder.rename(folder.with_name("moved"))
    assert type(refusal(folder, (folder / name).as_uri())) is RetryError
    folder.mkdir()
    assert type(refusal(folder, (folder / name).as_uri())) is RetryError


def test_a_mount_that_hangs_is_waited_for_and_holds_a_bounded_number_of_threads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, begun = threading.Event(), 0

    def hanging(*_: object) -> bytes:
        nonlocal begun
        begun += 1
        again.wait(60)
        return IMAGE

    monkeypatch.setattr(FolderFetcher, "_contents", hanging)
    fetcher = FolderFetcher([allowed_location(folder.as_uri())], timeout=0.01)
    claim = Claim((folder / "a.png").as_uri())
    for _ in range(folders._MOST_AT_ONCE + 5):
        with pytest.raises(RetryError):
            fetcher.fetch(claim)
    assert begun == folders._MOST_AT_ONCE
    again.set()
    for thread in threading.enumerate():
        if thread.name == "sluice-bounded":
            thread.join()
    monkeypatch.undo()
    assert FolderFetcher([allowed_location(folder.as_uri())], timeout=20.0).fetch(claim) == IMAGE
