"""An object of a store is replaced as a version, so that nobody undoes what another did meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.ports import Store

Again = Callable[[], Store]


@pytest.fixture(params=["memory", "folder"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Again:
    """The same store, as another process would open it."""
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "archive")
    store = MemoryStore()
    return lambda: store


def _version(store: Store, path: str) -> str:
    return next(each.version for each in store.list(path))


def test_the_version_that_was_seen_is_replaced(again: Again) -> None:
    store = again()
    store.create("a/b", b"one")
    assert store.replace("a/b", b"two", _version(store, "a/b"))
    assert store.read("a/b") == b"two"


def test_another_version_is_left_as_it_is(again: Again) -> None:
    store = again()
    store.create("a/b", b"one")
    seen = _version(store, "a/b")
    assert store.replace("a/b", b"two")
    assert not store.replace("a/b", b"three", seen)
    assert store.read("a/b") == b"two"


def test_what_is_gone_does_not_come_back(again: Again) -> None:
    store = again()
    store.create("a/b", b"one")
    seen = _version(store, "a/b")
    store.delete("a/b")
    assert not store.replace("a/b", b"two", seen)
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    assert [each.path for each in store.list()] == []


def test_of_many_who_add_to_an_object_nobody_loses_anything(again: Again) -> None:
    again().create("a/b", b"")

    def add(letter: str) -> None:
        store = again()
        while True:
            version, data = _version(store, "a/b"), store.read("a/b")
            if store.replace("a/b", data + letter.encode(), version):
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, "abcdefghijklmnopqrstuvwx"))
    assert sorted(again().read("a/b").decode()) == list("abcdefghijklmnopqrstuvwx")
