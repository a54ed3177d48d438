"""The console of a demo reaches what the demo has: its archive as well."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from pipeline.adapters.memory import MemoryBroker
from tests.archive.made import keep, records
from workers.archive.into import remembering
from workers.console.embedded import memory_reach
from workers.console.reach import Reach
from workers.settings import Settings, load_settings


def reach(settings: Settings) -> Reach:
    judge: Any = SimpleNamespace(model=SimpleNamespace(decoder=None))
    return memory_reach(settings, MemoryBroker(), CollectorRegistry(), lambda: judge)


def test_an_archive_that_the_demo_fills_can_be_asked_on_its_pages(tmp_path: Path) -> None:
    settings, store = remembering(load_settings({}), str(tmp_path / "archive"), "demo")
    assert store is not None
    keep(store, records(3))
    opened = reach(settings).archive
    assert opened is not None
    with opened() as archive:
        assert [block.events for block in archive.blocks(archive.segments(), ["record"])] == [3]


def test_without_one_there_is_none() -> None:
    settings, _ = remembering(load_settings({}), None, "demo")
    assert reach(settings).archive is None
