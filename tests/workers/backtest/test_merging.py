"""``sluice backtest merge``: what is no part, and parts that are not all, are refused before a gate is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pipeline.lab.backtest.moves import Moves
from pipeline.lab.backtest.record import PolicyDay, Record, record_bytes
from tests.lab.backtest.world import ASKED
from workers.cli import app

GATES = ("--max-new", "0", "--max-let-go", "0")


def part(number: int, of: int) -> bytes:
    days = (PolicyDay(day="2026-09-21", moves=Moves((number,) + (0,) * 15)),)
    return record_bytes(
        Record(asked=replace(ASKED), shards=(f"{number}/{of}",), segments=1, rows=number, days=days, policies=())
    )


def merged(*files: Path) -> Result:
    return CliRunner().invoke(app, ["backtest", "merge", *map(str, files), *GATES], standalone_mode=False)


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{number}.json" for number in (1, 2, 3)]
    for number, file in enumerate(files, 1):
        file.write_bytes(part(number, 3))
    return files


def test_all_parts_are_one_answer(parts: list[Path]) -> None:
    done = merged(*parts)
    assert done.exception is None, done.exception
    assert "6 events" in done.output


@pytest.mark.parametrize(("given", "missing"), [((0, 1), "3/3"), ((1,), "1/3, 3/3")])
def test_a_part_that_is_missing_passes_no_gate(parts: list[Path], given: tuple[int, ...], missing: str) -> None:
    done = merged(*(parts[at] for at in given))
    assert isinstance(done.exception, UsageError)
    assert f"part {missing} is missing; give all 3" in str(done.exception)


@pytest.mark.parametrize("content", [b"no JSON", b"\xff", b'{"decision_id": "a"}', b'{"asked": {}, "days": [{}]}'])
def test_what_is_no_part_is_named(parts: list[Path], content: bytes) -> None:
    parts[1].write_bytes(content)
    done = merged(*parts)
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(f"{parts[1]}: not what sluice backtest --shard K/N prints: ")


def test_a_file_that_is_not_there_is_named(parts: list[Path]) -> None:
    parts[1].unlink()
    done = merged(*parts)
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(f"{parts[1]}: ")
