"""How fast words are searched for, and how much memory the archive's readers take for few rows and for many."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive, Segment
from pipeline.archive.search.search import Place, search
from pipeline.archive.search.wanted import Wanted
from pipeline.archive.search.words import Words
from pipeline.lab.backtest.engine import Question
from pipeline.rules.alike import ALIKE
from pipeline.rules.archive.nearest import Nearest
from pipeline.rules.heads import CompiledPolicies
from workers.bench.archive.backtests import judged, told
from workers.bench.archive.bounds import Bare
from workers.bench.archive.made import WORDS, Made, asked_for, edited
from workers.bench.limits import Cost, measured

ROUNDS = 3
THREADS = 2
LIMIT, LEAST = 20, 0.5
"""As `sluice search` has them unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Searches:
    """Costs of all rows."""

    cast_and_product: Cost
    """For as many sentences as were searched for, on one core."""
    one: Cost
    """On one thread."""
    several: Cost
    """On `THREADS`, by the wall clock."""

    @property
    def of_cast_and_product(self) -> float:
        return self.cast_and_product.cpu_each / self.one.cpu_each


@dataclass(frozen=True, slots=True)
class Memory:
    """The most that a process of its own had resident, in bytes, the pages that it mapped among them."""

    rows: int
    backtest: int
    search: int


def searches(made: Made) -> Searches:
    """Measure, with torch and pyarrow held to one thread by the caller; the best of some rounds counts."""
    bare, words = Bare(made, WORDS), asked_for()
    segments = made.archive.segments()
    parts = {
        "cast_and_product": bare.cast_and_product,
        "one": lambda: found(made.archive, segments, words, 1),
        "several": lambda: found(made.archive, segments, words, THREADS),
    }
    rounds = [{name: measured(part) for name, part in parts.items()} for _ in range(ROUNDS)]
    return Searches(
        min((each["cast_and_product"] for each in rounds), key=lambda cost: cost.cpu),
        min((each["one"] for each in rounds), key=lambda cost: cost.cpu),
        min((each["several"] for each in rounds), key=lambda cost: cost.wall),
    )


def found(archive: Archive, segments: list[Segment], words: CompiledPolicies, threads: int) -> int:
    """The search as its command runs it. Returns the rows."""
    nearest = Nearest[Place](LIMIT, ALIKE)
    return search(archive, segments, Words(words), Wanted(), nearest, enough=LEAST, threads=threads).rows


def memory(made: Made) -> list[Memory]:
    """What readers take for a quarter of the segments and for all, each in a process that does nothing else."""
    count = len(made.archive.segments())
    return [_memory(made.folder, some) for some in sorted({max(1, count // 4), count})]


def _memory(folder: Path, segments: int) -> Memory:
    peaks = []
    for what in ("backtest", "search"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            peaks.append(process.submit(peak, folder, segments, what).result())
    (rows, backtest), (_, search_) = peaks
    return Memory(rows, backtest, search_)


def peak(folder: Path, segments: int, what: str) -> tuple[int, int]:
    """In a process of its own: the rows, and the most that was resident."""
    archive = Archive(FolderStore(folder))
    some = archive.segments()[:segments]
    if what == "search":
        rows = found(archive, some, asked_for(), THREADS)
    else:
        engine = judged(archive, some, Question(edited(), only="edited"))
        rows = engine.rows
        told(archive, engine)
    said = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in said.splitlines() if line.startswith("VmHWM"))
    return rows, int(kilobytes) * 1024
