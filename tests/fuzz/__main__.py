"""``python -m tests.fuzz``: thousands of files from strangers through the real stages, and what each of them cost."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

from tests.fuzz.files import MAKERS, file, format_of, formats_here
from tests.fuzz.outcome import Outcome
from tests.fuzz.processes import Fuzzing
from tests.fuzz.report import Found, show
from workers.terminal.console import Terminal

FILES = 10_000
COLUMNS = 150
"""Of the report where it goes to a file."""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, help=f"how many; {FILES:,} without --minutes, else as many as fit")
    parser.add_argument("--minutes", type=float, help="stop after so long")
    parser.add_argument("--seed", type=int, default=1, help="with the index it chooses each file; 1 unless given")
    parser.add_argument("--formats", default="", help=f"some of {','.join(MAKERS)}")
    parser.add_argument("--processes", type=int, choices=[1, 2], default=2)
    parser.add_argument("--only", type=int, metavar="INDEX", help="this file alone, in this process")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write what fails, or --only's file, there")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    chosen = parser.parse_args(arguments)
    chosen.formats = [each for each in chosen.formats.upper().split(",") if each] or formats_here()
    if unknown := set(chosen.formats) - set(MAKERS):
        parser.error(f"unknown formats: {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 where anything was a breach."""
    chosen = _options(arguments)
    if chosen.only is not None:
        return _only(chosen)
    terminal, found = Terminal(), Found(chosen.seed)
    for one in _run(chosen, terminal):
        found.add(one)
        if one.breach:
            terminal.note(f"index {one.index}, {one.format}: {one.breach}")
            _save(chosen, one)
    if chosen.json:
        terminal.json(json.dumps(found.as_json()))
    else:
        if not terminal.out.is_terminal:
            terminal.out.width = COLUMNS
        show(found, terminal.out)
    return 1 if found.problems() else 0


def _run(chosen: argparse.Namespace, terminal: Terminal) -> Iterator[Outcome]:
    total = chosen.files or (None if chosen.minutes else FILES)
    until = time.monotonic() + 60 * chosen.minutes if chosen.minutes else float("inf")
    ours = (index for index in count() if format_of(chosen.seed, index) in chosen.formats)
    wanted = (index for index in islice(ours, total) if time.monotonic() < until)
    with terminal.counting("files", total) as counter:
        for one in Fuzzing(chosen.seed, wanted, chosen.processes).outcomes():
            counter.advance()
            yield one


def _save(chosen: argparse.Namespace, one: Outcome) -> None:
    if chosen.save is not None:
        chosen.save.mkdir(parents=True, exist_ok=True)
        made = file(chosen.seed, one.index)
        (chosen.save / f"{chosen.seed}-{one.index}.{made.format.lower()}").write_bytes(made.data)


def _only(chosen: argparse.Namespace) -> int:
    (one,) = Fuzzing(chosen.seed, iter([chosen.only]), 1).outcomes()
    _save(chosen, one)
    Terminal().json(json.dumps(vars(one)))
    return 1 if one.breach else 0


if __name__ == "__main__":
    sys.exit(main())
