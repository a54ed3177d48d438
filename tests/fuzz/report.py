"""What a run found: counts by format and reason, the dearest files, how far estimates were off, and every breach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.fuzz.outcome import WORTH, Outcome

WORST = 10
COPIES = 5
"""Of a file's bytes: on its way to the decoder, and as the decoder gets it."""
DRIFT = 64_000_000
"""Bytes by which a process may hold more in the last tenth of a run than in its third: leaks grow with every file."""
ENOUGH = 600
"""Files of one process from which on drift is told."""


@dataclass
class Found:
    """Gathers outcomes one by one; keeps the dearest and what breaches, and counts the rest."""

    seed: int
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_cpu: list[Outcome] = field(default_factory=list)
    by_memory: list[Outcome] = field(default_factory=list)
    estimated: list[Outcome] = field(default_factory=list)
    breaches: list[Outcome] = field(default_factory=list)
    held: dict[int, list[int]] = field(default_factory=dict)
    seconds: float = 0.0
    files: int = 0

    def add(self, one: Outcome) -> None:
        self.files += 1
        self.seconds += one.seconds
        self.counts[one.format, one.outcome] += 1
        self.kinds[one.kind, "decided" if one.outcome == "decided" else "dead letter"] += 1
        self.by_cpu = _dearest([*self.by_cpu, one], "seconds")
        self.by_memory = _dearest([*self.by_memory, one], "memory")
        if one.estimated_seconds is not None:
            self.estimated.append(one)
        if one.held:
            self.held.setdefault(one.process, []).append(one.held)
        if one.breach:
            self.breaches.append(one)

    def drifts(self) -> dict[int, tuple[int, int, int]]:
        """Bytes that each process held, at the median, in the third, the sixth and the last tenth of its files."""
        found = {}
        for process, held in self.held.items():
            tenth = len(held) // 10
            if len(held) >= ENOUGH:
                parts = (held[2 * tenth : 3 * tenth], held[5 * tenth : 6 * tenth], held[-tenth:])
                found[process] = tuple(int(median(part)) for part in parts)
        return found  # type: ignore[return-value]

    def problems(self) -> list[str]:
        """Every breach in a line, with what makes the file again."""
        lines = [f"{_name(one)}: {one.breach}; {self.again(one)}" for one in self.breaches]
        for process, (early, _, late) in self.drifts().items():
            if late - early > DRIFT:
                lines.append(f"process {process} held {early / 1e6:.0f} MB, and {late / 1e6:.0f} MB at the end")
        return lines

    def again(self, one: Outcome) -> str:
        return f"--seed {self.seed} --only {one.index}"

    def ratios(self, kind: str) -> list[tuple[float, Outcome]]:
        """Real to estimated cost where it is worth while, the worst first; `kind` is seconds or memory.

        Memory is estimated without the file itself, of which there are some copies.
        """
        least, each_byte = WORTH[kind], COPIES if kind == "memory" else 0
        pairs = [
            (getattr(one, kind) / max(getattr(one, f"estimated_{kind}") + each_byte * one.size, 1e-9), one)
            for one in self.estimated
            if one.outcome == "decided" and getattr(one, kind) >= least
        ]
        return sorted(pairs, key=lambda pair: -pair[0])

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "files": self.files,
            "cpu_seconds": round(self.seconds, 3),
            "by_format": _nested(self.counts),
            "by_kind": _nested(self.kinds),
            "worst_cpu": [asdict(one) for one in self.by_cpu],
            "worst_memory": [asdict(one) for one in self.by_memory],
            "real_to_estimate": {
                kind: [{"ratio": round(ratio, 3), **asdict(one)} for ratio, one in self.ratios(kind)]
                for kind in ("seconds", "memory")
            },
            "held_bytes": {str(process): held for process, held in self.drifts().items()},
            "breaches": [asdict(one) for one in self.breaches],
            "problems": self.problems(),
        }


def _dearest(outcomes: Iterable[Outcome], kind: str) -> list[Outcome]:
    return sorted(outcomes, key=lambda one: -getattr(one, kind))[:WORST]


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counts.items()):
        found.setdefault(outer, {})[inner] = count
    return found


def _name(one: Outcome) -> str:
    return f"{one.format} {one.kind} {one.maker}, {one.size:,} bytes"


def show(found: Found, console: Console) -> None:
    """Print all of it."""
    console.print(f"{found.files:,} files of seed {found.seed}, {found.seconds:,.1f} s of CPU in the stages\n")
    console.print(_by_format(found))
    console.print(_worst(found, "by CPU", found.by_cpu))
    console.print(_worst(found, "by memory", found.by_memory))
    for kind in ("seconds", "memory"):
        console.print(_ratios(found, kind))
    for process, held in found.drifts().items():
        told = ", ".join(f"{each / 1e6:.0f}" for each in held)
        console.print(f"process {process} held {told} MB in the third, the sixth and the last tenth of its files")
    problems = found.problems()
    console.print(f"\n{len(problems):,} breaches" if problems else "\nno breach")
    for line in problems[:40]:
        console.print(f"  {escape(line)}", soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(names):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    return table


def _by_format(found: Found) -> Table:
    outcomes = sorted({outcome for _, outcome in found.counts}, key=lambda each: (each != "decided", each))
    table = _table("format", *outcomes, "all")
    for name in sorted({name for name, _ in found.counts}):
        row = [found.counts[name, outcome] for outcome in outcomes]
        table.add_row(name, *(f"{count:,}" for count in [*row, sum(row)]))
    row = [sum(count for (_, each), count in found.counts.items() if each == outcome) for outcome in outcomes]
    table.add_row("all", *(f"{count:,}" for count in [*row, sum(row)]))
    return table


def _worst(found: Found, title: str, outcomes: Sequence[Outcome]) -> Table:
    table = _table(f"the worst {title}", "CPU s", "MB", "of s", "of MB", "outcome", "again")
    for one in outcomes:
        table.add_row(
            _name(one),
            f"{one.seconds:.2f}",
            f"{one.memory / 1e6:,.0f}",
            "" if one.estimated_seconds is None else f"{one.estimated_seconds:.2f}",
            "" if one.estimated_memory is None else f"{one.estimated_memory / 1e6:,.0f}",
            one.outcome,
            found.again(one),
        )
    return table


def _ratios(found: Found, kind: str) -> Table:
    table = _table(f"real to estimated {kind}", "ratio", "CPU s", "MB", "again")
    ratios = found.ratios(kind)
    for ratio, one in ratios if len(ratios) <= WORST else [*ratios[:6], *ratios[-4:]]:
        cost = f"{one.seconds:.2f}", f"{one.memory / 1e6:,.0f}"
        table.add_row(_name(one), f"{ratio:.2f}", *cost, found.again(one))
    return table
