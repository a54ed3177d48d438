"""Whether an erasure still holds: by its receipt, and where the values are given again, down to the raw bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.denied import DenyList, Entry
from pipeline.archive.erasing.erasure import Asked
from pipeline.archive.erasing.purging import Hiding, by_list
from pipeline.archive.erasing.receipts import Receipt
from pipeline.archive.erasing.searching import Search, Told
from pipeline.archive.segments import opened
from pipeline.ports import Store
from pipeline.rules.archive.denied import Denied, Kind
from pipeline.rules.archive.names import REDECIDED, REVIEWS, SEGMENTS, SUFFIX


@dataclass
class Verified:
    """What was looked at, and what is wrong: nothing, where the erasure holds."""

    problems: list[str] = field(default_factory=list)
    as_left: int = 0
    """Rewritten objects whose bytes are those of the receipt."""
    changed: int = 0
    """Rewritten objects that were written again since: by another erasure."""
    gone: int = 0
    """Rewritten objects that are not there any more: merged into larger ones, or past the retention."""
    objects: int = 0
    bytes: int = 0


def verify(store: Store, receipt: Receipt, values: Sequence[Asked], told: Told) -> Verified:
    """Look through the whole archive. `values` are what the receipt's digests stand for, as far as they are known."""
    found = Verified()
    denied = _on_the_list(store, receipt, found)
    search = Search(store, told)
    for prefix in (SEGMENTS, REDECIDED, REVIEWS):
        while new := search.unseen(prefix):
            for one in search.held(new, _there(by_list(denied, list(Kind)))):
                found.problems.append(f"{one.stored.path} has {one.rows} rows of what is erased: erase again")
    for rewritten in receipt.rewritten:
        try:
            now = sha256(store.read(rewritten.path)).hexdigest()
        except FileNotFoundError:
            found.gone += 1
            continue
        if now == rewritten.after:
            found.as_left += 1
        else:
            found.changed += 1
    found.problems += [line for each in search.damaged for line in each.lines]
    found.problems += _mentions(store, values, told)
    found.objects, found.bytes = search.objects, search.bytes
    return found


def _on_the_list(store: Store, receipt: Receipt, found: Verified) -> Denied:
    """What the receipt says is erased, and the events that it found."""
    listed = DenyList(store).load()
    missing = [each for each in receipt.asked if each not in listed.entries]
    found.problems += [f"{each.kind} {each.digest} is not on the deny list any more: erase again" for each in missing]
    denied = Denied(frozenset(receipt.asked))
    for path in receipt.entries:
        try:
            denied = denied.with_more(msgspec.json.decode(store.read(path), type=Entry).denied)
        except (FileNotFoundError, msgspec.DecodeError) as error:
            found.problems.append(f"{path} of the deny list is gone or damaged: {error}; erase again")
    return denied


def _there(meant: Hiding) -> Hiding:
    """The same for tables that lack some of the columns."""

    def rows(table: pa.Table) -> object:
        lacking = [name for name in meant.columns if name not in table.column_names]
        for name in lacking:
            table = table.append_column(name, pa.nulls(len(table), pa.string()))
        return meant.rows(table)

    return Hiding(meant.columns, rows)  # type: ignore[arg-type]


def _mentions(store: Store, values: Sequence[Asked], told: Told) -> Iterator[str]:
    """Objects with bytes that spell a value, plain or in any column."""
    if not values:
        return
    everything = list(store.list())
    told(len(everything), 0)
    for stored in everything:
        try:
            data = store.read(stored.path)
        except FileNotFoundError:
            continue
        told(0, 1)
        for value in values:
            for spelling in _spellings(value.value):
                yield from _mentioned(stored.path, data, spelling)


def _mentioned(path: str, data: bytes, spelling: bytes) -> Iterator[str]:
    longer = False
    alone = re.compile(rb"(?<![\w.-])" + re.escape(spelling) + rb"(?![\w.-])")
    for column, value in _values_with(path, data, spelling):
        if alone.search(value):
            yield f"{path} holds it in column {column}: erase again"
            return
        longer = True
    if spelling in data and not longer:
        yield f"{path} holds it at byte {data.index(spelling)}: erase again"


def _values_with(path: str, data: bytes, spelling: bytes) -> Iterator[tuple[str, bytes]]:
    """Values of a Parquet object, decompressed, that have those bytes in them."""
    if not path.endswith(SUFFIX):
        return
    with opened(pa.BufferReader(data), path) as file:
        names = [each.name for each in file.schema_arrow if each.type in {pa.string(), pa.binary()}]
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=names)
            for name in names:
                column = rows[name].cast(pa.binary())
                held = column.filter(pc.fill_null(pc.match_substring(column, spelling), fill_value=False))
                yield from ((name, each.as_py()) for each in held)


def _spellings(value: str) -> set[bytes]:
    """As it is, and as JSON writes it."""
    return {text.encode("utf-8", "surrogateescape") for text in (value, json.dumps(value, ensure_ascii=False)[1:-1])}
