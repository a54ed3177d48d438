"""What the assembly makes of the topology: the threads of a worker, and how the encoder is told who will call it."""

from __future__ import annotations

import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.adapters import open_clip
from pipeline.adapters.local.policy_folder import Reading
from pipeline.adapters.memory import MemoryBroker, MemoryFeatureCache, MemorySource, MemoryWriter, NullEncoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.adapters.record_publisher import RecordPublisher
from pipeline.path.topology import FLIGHTS, Where
from pipeline.ports import EncoderSpec, Fetcher, Hooks
from pipeline.wire import Topics
from workers import assembly
from workers.settings import Settings

SPEC = EncoderSpec("m", "print", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 4, 77, 100.0, None)


class NoFetcher(Fetcher):
    """Fetches nothing."""


class NotLive:
    """Policies that nobody asks for."""


def threads_of(where: Where, **settings: Any) -> Counter[str]:
    """How many threads a worker's sections have, by the stages that they run."""
    model = assembly.Model(NullEncoder(SPEC), PillowDecoder(SPEC), where)
    judge = assembly.Judge(model, Reading(), NotLive(), MemoryFeatureCache(0))  # type: ignore[arg-type]
    broker, before = MemoryBroker(1), set(threading.enumerate())
    publisher = RecordPublisher(MemoryWriter(broker), Topics())
    ends = MemorySource(broker, ["in"], "group"), publisher, NoFetcher()
    with assembly.moderator(Settings(**settings), judge, *ends, Hooks(), in_order=True) as moderator:
        made = Counter(thread.name for thread in threading.enumerate() if thread not in before)
        moderator._path.abandon(10)
    return Counter({name.removeprefix("sluice-"): count for name, count in made.items() if "fetch_" not in name})


@pytest.mark.parametrize(
    ("where", "threads"),
    [
        (Where.CORES, {"fetch+recall": 1, "decode+encode+decide": 3, "publish": 1}),
        (Where.DEVICE, {"fetch+recall": 1, "decode": 3, "encode": FLIGHTS, "decide+publish": 1}),
        (Where.SOCKET, {"fetch+recall": 1, "decode": 3, "encode": 1, "decide+publish": 1}),
    ],
)
def test_a_worker_has_the_threads_of_its_topology(where: Where, threads: dict[str, int]) -> None:
    assert threads_of(where, cores=3) == threads


@pytest.mark.parametrize(
    ("where", "section"), [(Where.CORES, "decode+encode+look_again+decide"), (Where.SOCKET, "encode+look_again")]
)
def test_second_looks_are_taken_by_the_threads_that_encode(where: Where, section: str) -> None:
    assert section in threads_of(where, cores=3, second_look="all")


@pytest.mark.parametrize(
    ("device", "cores", "one_caller", "where", "spread"),
    [
        ("cpu", 4, False, Where.CORES, False),
        ("cpu", 4, True, Where.CORES, True),
        ("cpu", 1, False, Where.CORES, True),
        ("cuda", 4, False, Where.DEVICE, False),
        ("mps", 4, False, Where.DEVICE, False),
    ],
)
def test_the_encoder_is_made_for_those_who_will_call_it(
    monkeypatch: pytest.MonkeyPatch, device: str, cores: int, one_caller: bool, where: Where, spread: bool
) -> None:
    """A worker on the cores that decode calls from each of them; the lab calls from one thread and wants them all."""
    told: dict[str, Any] = {}

    def load(*_: object, **options: Any) -> NullEncoder:
        told.update(options)
        return NullEncoder(SPEC)

    monkeypatch.setattr(open_clip, "load_encoder", load)
    monkeypatch.setattr(open_clip, "choose_device", lambda asked: SimpleNamespace(type=asked))
    model = assembly.load_model(Settings(device=device, cores=cores), one_caller=one_caller)
    assert model.where is where
    assert (told["spread"], told["threads"], told["flights"]) == (spread, cores, FLIGHTS)
