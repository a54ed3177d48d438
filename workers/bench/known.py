"""What known pictures cost: to read a list of very many, and to look for each image in it, kind by kind."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from rich.table import Table

from pipeline.rules.heads.head import Texts
from pipeline.rules.heads.lists import ListsHead, compile_lists
from pipeline.rules.known.csv_file import HEADER, read_entries
from pipeline.rules.known.entries import Entries
from pipeline.rules.policies.assets import Asset
from pipeline.rules.policies.lists import MOST_PICTURES
from pipeline.rules.policies.policy_set import AssetName, KnownList, Lists, Location, Policy, PolicySet
from pipeline.signals import PDQ, WHOLE, Features, Provenance, Signals, regions_of
from pipeline.wire import ModelRef
from workers.bench.limits import Cost, measured
from workers.terminal.console import Screen
from workers.terminal.plain import say_json

KINDS = ("sha256", "pdq", "picture")
DIMENSION = 512
"""D of ViT-B-32."""
BATCH, ROUNDS = 64, 20
"""Images that are looked for together, and how often; the best round counts."""
_US = 1_000_000
_MADE_BY = Provenance(ModelRef("bench", "bench", "float32"), "bench")


@dataclass(frozen=True, slots=True)
class Known:
    """One kind of entry."""

    kind: str
    entries: int
    read: Cost | None
    """Of all entries together; None for pictures, which a list has no file of."""
    bytes_each: float
    """Memory of an entry, beside the file."""
    look: Cost


def run(entries: int, *, as_json: bool) -> None:
    """Measure every kind, and print what came of it."""
    found = [known(kind, entries) for kind in KINDS]
    if as_json:
        say_json(json.dumps({each.kind: as_record(each) for each in found}))
    else:
        Screen().print(as_table(found))


def known(kind: str, count: int) -> Known:
    """Measure one kind; of pictures, no more than a policy may have."""
    random = np.random.default_rng(0)
    if kind == "picture":
        count = min(count, MOST_PICTURES)
        lists, assets = _pictures(count, random)
        size, read = float(DIMENSION * np.dtype(np.float32).itemsize), None
    else:
        content, assets = _file(kind, count, random), dict[str, Asset]()
        made = list[Entries]()
        read = measured(partial(_read, content, made))
        size = _bytes_of(content) / count
        name = AssetName("known.csv", sha256(content).hexdigest(), Location("bench.yaml"))
        lists = Lists(block=(KnownList(name, made[0]),))
    policy = Policy("bench", "", ("a thing",), {"block": 0.5}, lists=lists)
    head = compile_lists(PolicySet((policy,)), Texts({}, 1.0, None, assets))
    images = list(_images(random))
    return Known(kind, count, read, size, min(_rounds(head, images), key=lambda cost: cost.cpu))


def as_record(found: Known) -> dict[str, Any]:
    """What ``--json`` prints of a kind."""
    read = {} if found.read is None else {"read_cpu_seconds": round(found.read.cpu, 3)}
    look = {"look_cpu_us_per_image": round(found.look.cpu_each * _US, 2)}
    return {"entries": found.entries, **read, "bytes_each": round(found.bytes_each), **look}


def as_table(found: Sequence[Known]) -> Table:
    """A line for each kind."""
    table = Table("known pictures", "entries", "CPU s to read", "bytes each", "CPU us an image", box=None)
    for each in found:
        read = "" if each.read is None else f"{each.read.cpu:.2f}"
        look = f"{each.look.cpu_each * _US:.1f}"
        table.add_row(each.kind, f"{each.entries:,}", read, f"{each.bytes_each:.0f}", look)
    return table


def _read(content: bytes, into: list[Entries]) -> int:
    entries, wrong = read_entries(content)
    if entries is None:
        raise AssertionError(wrong)
    into[:] = [entries]
    return len(entries)


def _bytes_of(content: bytes) -> int:
    """What stays in memory of a file that was read."""
    made = list[Entries]()
    tracemalloc.start()
    try:
        _read(content, made)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _file(kind: str, count: int, random: np.random.Generator) -> bytes:
    digits = random.bytes(32 * count).hex()
    lines = (f"{kind},{digits[at : at + 64]},,case {at % 997}," for at in range(0, len(digits), 64))
    return "\n".join([HEADER, *lines, ""]).encode()


def _pictures(count: int, random: np.random.Generator) -> tuple[Lists, dict[str, Asset]]:
    names = tuple(AssetName(f"{at}.jpg", f"{at}", Location("bench.yaml")) for at in range(count))
    seen = zip(names, _features(count, random), strict=True)
    assets = {name.path: Asset(name.path, name.sha256, signals=_signals(row[None])) for name, row in seen}
    return Lists(block_pictures=names), assets


def _images(random: np.random.Generator) -> Iterator[Signals]:
    """Images that no list knows, as nearly all are."""
    for row in _features(BATCH, random):
        pdq = np.zeros(1, PDQ)
        pdq["hash"] = np.frombuffer(random.bytes(32), "<u8")
        pdq["quality"] = 100
        yield _signals(row[None], random.bytes(32).hex(), pdq)


def _features(count: int, random: np.random.Generator) -> Features:
    rows = random.standard_normal((count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _signals(features: Features, content_sha256: str = "", pdq: np.ndarray | None = None) -> Signals:
    return Signals(features, regions_of([WHOLE]), _MADE_BY, content_sha256=content_sha256, pdq=pdq)


def _rounds(head: ListsHead, images: Sequence[Signals]) -> Iterator[Cost]:
    def look() -> int:
        head.look(images)
        return len(images)

    look()
    for _ in range(ROUNDS):
        yield measured(look)
