"""Files from strangers, by the thousand: each ends as a decision or a typed dead letter, within bounds."""

from __future__ import annotations

import json
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from pipeline.extras import install
from tests.fuzz import __main__ as command
from tests.fuzz import processes
from tests.fuzz.files import KINDS, MAKERS, SHARES, file, format_of, formats_here
from tests.fuzz.outcome import Outcome, breach_of
from tests.fuzz.processes import Fuzzing
from tests.fuzz.report import Found
from tests.services.warm import context

SEED = 20
FILES = 3_000


def test_three_thousand_files_break_nothing() -> None:
    found = Found(SEED)
    for one in Fuzzing(SEED, iter(indices(FILES)), 2).outcomes():
        found.add(one)
    assert found.files == FILES
    assert not found.problems()
    for name in formats_here():
        outcomes = {outcome for each, outcome in found.counts if each == name}
        assert {"decided", "decode_failed"} <= outcomes, "or these files test nothing"
    assert found.drifts()


def indices(count: int, *, seed: int = SEED) -> list[int]:
    here = formats_here()
    return [index for index in range(2 * count) if format_of(seed, index) in here][:count]


@pytest.mark.parametrize("name", MAKERS)
def test_a_file_is_made_by_its_seed_and_index_alone(name: str) -> None:
    if name not in formats_here():
        pytest.skip(install("heif"))
    ours = [index for index in range(600) if format_of(3, index) == name][:12]
    once = [file(3, index) for index in ours]
    again = [file(3, index) for index in reversed(ours)]
    assert once == again[::-1]
    assert {each.format for each in once} == {name}
    assert once != [file(4, index) for index in ours]


def test_the_shares_are_of_a_hundred() -> None:
    assert sum(SHARES.values()) == sum(KINDS.values()) == 100
    assert SHARES.keys() == MAKERS.keys()


@pytest.mark.parametrize(
    ("outcome", "words", "seconds", "memory", "breach"),
    [
        ("decided", "allow", 0.1, 1000, ""),
        ("truncated", "GIF: image file is truncated (12 bytes)", 0.1, 1000, ""),
        ("stage_failed", "GIF: unpack requires a buffer", 0.1, 1000, "untyped"),
        ("decoder_died", "GIF: its decoder died twice", 0.1, 1000, "died"),
        ("decode_failed", "broken", 0.1, 1000, "which format"),
        ("decode_failed", "GIF: ", 0.1, 1000, "which format"),
        ("decode_failed", "GIF: cannot identify <_io.BytesIO object at 0x7f00aa00>", 0.1, 1000, "innards"),
        ("decided", "allow", 100.0, 1000, "s of CPU"),
        ("decided", "allow", 0.1, 3_000_000_000, "MB of memory"),
    ],
)
def test_what_is_a_breach(outcome: str, words: str, seconds: float, memory: int, breach: str) -> None:
    found = breach_of(b"GIF89a", outcome, words, seconds, memory)
    assert breach in found
    assert bool(found) == bool(breach)


def _breaks(pipe: Connection, seed: int, process: int) -> None:
    """A process that dies of every eleventh file, and hangs on every thirteenth."""
    while (wanted := pipe.recv()) is not None:
        for index in wanted:
            pipe.send(index)
            if index % 11 == 10:
                os._exit(7)
            if index % 13 == 12:
                time.sleep(600)
            made = file(seed, index)
            pipe.send(Outcome(index, made.format, made.kind, made.maker, 0, "decided", "", 0, 0, 0, 0))
        pipe.send(None)


def test_a_process_that_dies_or_hangs_tells_its_file_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "serve", _breaks)
    found = {one.index: one for one in Fuzzing(1, iter(range(40)), 2, hangs=2.0, context=context()).outcomes()}
    assert sorted(found) == list(range(40))
    assert {index for index, one in found.items() if one.outcome == "crashes"} == {10, 21, 32}
    assert {index for index, one in found.items() if one.outcome == "hangs"} == {12, 25, 38}
    assert all(one.breach for one in found.values() if one.outcome != "decided")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run the command with canned outcomes: its exit status, and what it prints."""

    def run(outcomes: list[Outcome], *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(command, "_run", lambda *_: iter(outcomes))
        status = command.main(arguments)
        return status, capfd.readouterr().out

    return run


def outcome(index: int, **changed: Any) -> Outcome:
    made = file(1, index)
    values = {"outcome": "decided", "words": "allow", "seconds": 0.2, "memory": 50_000_000, "held": 10**8, **changed}
    return Outcome(index, made.format, made.kind, made.maker, len(made.data), wall=0.2, **values)


def test_a_breach_is_told_with_what_makes_the_file_again_and_saved(report: Any, tmp_path: Path) -> None:
    bad = outcome(5, outcome="stage_failed", words="oh", breach="an untyped dead letter")
    status, said = report([outcome(4), bad], "--save", str(tmp_path), "--json")
    told = json.loads(said)
    assert status == 1
    assert (told["files"], len(told["breaches"])) == (2, 1)
    assert "--seed 1 --only 5" in told["problems"][0]
    (saved,) = tmp_path.iterdir()
    assert saved.read_bytes() == file(1, 5).data


def test_a_sound_run_ends_with_0_and_shows_the_dearest_files(report: Any) -> None:
    dear = outcome(7, seconds=1.5, estimated_seconds=1.0, estimated_memory=50e6)
    status, said = report([outcome(4), dear])
    assert status == 0
    assert "no breach" in said
    assert "--only 7" in said
    assert "1.50" in said


def test_memory_that_grows_with_every_file_is_a_breach(report: Any) -> None:
    grows = [outcome(1, held=10**8 + 200_000 * index) for index in range(1000)]
    assert report(grows)[0] == 1
    flat = [outcome(1, held=10**8 + 50_000_000 * (index % 2)) for index in range(1000)]
    assert report(flat)[0] == 0
