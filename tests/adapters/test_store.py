"""What every store of an archive does alike: the twin, a folder, and buckets on servers of this machine."""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.adapters.stores import BucketStore, StoreOptions
from pipeline.errors import StoreChangedError, StoreError
from pipeline.ports import Store
from pipeline.rules.claims import allowed_location
from tests.conftest import had_or_skipped
from tests.services import stores as servers
from tests.services.azurite import ACCOUNT, Azurite
from tests.services.bucket_server import bucket_server
from tests.services.stores import s3_server

ODD = "model=a%2Fb c/preprocess=+#?&'()ä/day=2026-01-01/t.o-p_ic-0-7.parquet"
PATIENCE = 30.0
_parts = itertools.count()


@pytest.fixture(scope="module")
def serving() -> Iterator[Callable[[str], StoreOptions]]:
    """What a kind of bucket is reached by; its server runs until the module ends."""
    with ExitStack() as ending, pytest.MonkeyPatch.context() as patched:
        servers.enter(patched)
        running: dict[str, StoreOptions] = {}

        def started(kind: str) -> StoreOptions:
            if kind == "s3":
                s3 = ending.enter_context(s3_server())
                s3.make_bucket("archives")
                return StoreOptions(s3_endpoint=s3.endpoint)
            if kind == "gs":
                return StoreOptions(gcs_endpoint=ending.enter_context(bucket_server()).endpoint)
            azurite = had_or_skipped(lambda: ending.enter_context(Azurite()))
            patched.setenv("AZURE_STORAGE_ACCOUNT_KEY", azurite.key)
            azurite.make_container("archives")
            return StoreOptions(azure_account=ACCOUNT, azure_endpoint=azurite.endpoint)

        def options(kind: str) -> StoreOptions:
            if kind not in running:
                running[kind] = started(kind)
            return running[kind]

        yield options


@pytest.fixture(params=["memory", "folder", "s3", "gs", "az"])
def store(request: pytest.FixtureRequest, tmp_path: Path, serving: Callable[[str], StoreOptions]) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "memory":
        made: Store = MemoryStore()
    elif request.param == "folder":
        made = FolderStore(tmp_path / "archive")
    else:
        location = allowed_location(f"{request.param}://archives/some/part-{next(_parts)}")
        made = BucketStore(location, serving(request.param), timeout=PATIENCE)
    with closing(made):
        yield made


def test_an_object_is_created_once_and_never_written_over(store: Store) -> None:
    assert store.create("a/b.parquet", b"first")
    assert not store.create("a/b.parquet", b"second")
    assert store.read("a/b.parquet") == b"first"


def test_an_object_is_replaced_whether_it_is_there_or_not(store: Store) -> None:
    assert store.replace("a/b.parquet", b"first")
    assert store.replace("a/b.parquet", b"second")
    assert store.read("a/b.parquet") == b"second"
    assert not store.create("a/b.parquet", b"third")


def test_an_object_is_replaced_in_the_version_that_was_seen_and_in_no_other(store: Store) -> None:
    store.create("a", b"first")
    (seen,) = store.list()
    assert store.replace("a", b"second", seen.version)
    assert not store.replace("a", b"third", seen.version)
    assert store.read("a") == b"second"
    store.delete("a")
    assert not store.replace("a", b"fourth", seen.version)
    assert not list(store.list())


def test_what_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    with pytest.raises(FileNotFoundError):
        store.open("a/b").read(1)
    store.delete("a/b")
    assert list(store.list()) == []
    assert list(store.list("a/")) == []


def test_what_is_deleted_is_gone_and_may_be_created_again(store: Store) -> None:
    store.create("a/b", b"first")
    store.delete("a/b")
    store.delete("a/b")
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    assert store.create("a/b", b"second")
    assert store.read("a/b") == b"second"


@pytest.mark.parametrize("size", [0, 1, 9_000_000])
def test_bytes_come_back_as_they_went(store: Store, size: int) -> None:
    data = os.urandom(size)
    store.create("some.parquet", data)
    assert store.read("some.parquet") == data
    with store.open("some.parquet") as file:
        assert file.read() == data
        assert file.read() == b""


def test_a_file_is_read_from_any_place(store: Store) -> None:
    data = bytes(range(256)) * 40
    store.create("some.parquet", data)
    with store.open("some.parquet") as file:
        assert file.seek(-8, io.SEEK_END) == len(data) - 8
        assert file.read(100) == data[-8:]
        file.seek(300)
        assert file.read(7) == data[300:307]
        assert file.tell() == 307
        file.seek(3, io.SEEK_CUR)
        assert file.read(5) == data[310:315]
        file.seek(len(data) + 10)
        assert file.read(5) == b""


def test_a_table_is_read_through_it(store: Store) -> None:
    table, sink = pa.table({"n": range(10_000)}), io.BytesIO()
    pq.write_table(table, sink, row_group_size=1000)
    store.create("some.parquet", sink.getvalue())
    with store.open("some.parquet") as source, pq.ParquetFile(source) as file:
        assert file.num_row_groups == 10
        assert file.read_row_group(7)["n"].to_pylist() == list(range(7000, 8000))


@pytest.mark.parametrize("change", ["replace", "delete"])
def test_a_reader_sees_what_it_opened_or_hears_that_it_changed(store: Store, change: str) -> None:
    before, after = b"a" * 300_000, b"b" * 400_000
    store.create("some.parquet", before)
    with store.open("some.parquet") as file:
        first = file.read(10)
        if change == "replace":
            store.replace("some.parquet", after)
        else:
            store.delete("some.parquet")
        try:
            rest = file.read()
        except StoreChangedError as error:
            assert "some.parquet" in str(error)  # noqa: PT017 - either is right
        else:
            assert first + rest == before


def test_a_listing_has_what_begins_so_in_order_with_its_size(store: Store) -> None:
    for number in (3, 1, 2, 5, 4):
        store.create(f"model=a/day=1/{number}.parquet", b"x" * number)
    store.create("model=b.parquet", b"")
    store.create("mode", b"")
    store.create("erased/1.json", b"")
    assert [each.path for each in store.list("model=a/day=1/")] == [f"model=a/day=1/{n}.parquet" for n in range(1, 6)]
    assert [each.bytes for each in store.list("model=a/")] == [1, 2, 3, 4, 5]
    assert [each.path for each in store.list("model=a/day=1/3")] == ["model=a/day=1/3.parquet"]
    assert [each.path for each in store.list("model=")][-2:] == ["model=a/day=1/5.parquet", "model=b.parquet"]
    assert len(list(store.list())) == 8
    assert list(store.list()) == sorted(store.list())
    assert list(store.list("none")) == list(store.list("model=a/none/")) == []


def test_a_version_changes_with_the_bytes_and_only_then(store: Store) -> None:
    store.create("a", b"first")
    (before,) = store.list()
    assert list(store.list()) == [before]
    store.replace("a", b"other")
    (after,) = store.list()
    assert after.version != before.version


def test_names_are_kept_as_they_are(store: Store) -> None:
    store.create(ODD, b"an object")
    store.create(ODD.replace("%2F", "%252F"), b"another")
    assert store.read(ODD) == b"an object"
    assert {each.path for each in store.list()} == {ODD, ODD.replace("%2F", "%252F")}
    assert [each.path for each in store.list(ODD.rpartition("/")[0])] == [ODD]
    store.delete(ODD)
    assert [each.path for each in store.list()] == [ODD.replace("%2F", "%252F")]


@pytest.mark.parametrize(
    "path", ["../a", "a/../../b", "/etc/hostname", "", "a//b", "a/", "./a", "a\\..\\b", "a\nb", "a\0"]
)
def test_a_path_that_leads_elsewhere_is_refused_by_every_call(store: Store, path: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: store.create(path, b""),
        lambda: store.replace(path, b""),
        lambda: store.read(path),
        lambda: store.open(path),
        lambda: store.delete(path),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="no name in an archive"):
            call()


def test_of_many_who_create_one_object_one_does(store: Store) -> None:
    for name in ("first", "second", "third"):
        written = together(8, lambda number, name=name: store.create(name, str(number).encode() * 20_000))
        (winner,) = [number for number, created in enumerate(written) if created]
        assert store.read(name) == str(winner).encode() * 20_000


def test_of_many_who_replace_one_version_one_does(store: Store) -> None:
    store.create("a", b"0")
    (seen,) = store.list()
    written = together(8, lambda number: store.replace("a", f"{number} wrote this".encode(), seen.version))
    (winner,) = [number for number, replaced in enumerate(written) if replaced]
    assert store.read("a") == f"{winner} wrote this".encode()


def test_who_reads_what_many_replace_sees_one_of_them_whole(store: Store) -> None:
    store.create("a", b"0" * 50_000)
    stop, seen = threading.Event(), set[bytes]()

    def act(number: int) -> None:
        if number == 0:
            while not stop.is_set():
                seen.add(store.read("a"))
            return
        for turn in range(5):
            store.replace("a", f"{number}{turn}".encode() * 25_000)
        if number == 1:
            stop.set()

    together(3, act)
    assert all(len(each) == 50_000 and each == each[:2] * 25_000 for each in seen)


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What each of that many threads gives, which begin at one moment."""
    barrier, given = threading.Barrier(count), [None] * count
    failed: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait(PATIENCE)
        try:
            given[number] = act(number)
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(2 * PATIENCE)
    if failed:
        raise failed[0]
    return given


def test_of_many_who_add_to_an_object_nobody_loses_anything(store: Store) -> None:
    store.create("a/b", b"")

    def add(letter: str) -> None:
        while True:
            version, data = next(store.list("a/b")).version, store.read("a/b")
            if store.replace("a/b", data + letter.encode(), version):
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, "abcdefghijkl"))
    assert sorted(store.read("a/b").decode()) == list("abcdefghijkl")
