"""How much a backtest may change before its exit status says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.lab.backtest.moves import Moves
from pipeline.lab.backtest.record import Record

_LIMIT = re.compile(r"(\d+(?:\.\d+)?)(%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most that many events: a number of them, or a share of all."""

    flag: str
    said: str
    number: float
    share: bool

    def exceeded(self, count: int, events: int) -> bool:
        return count > (self.number * events if self.share else self.number)


def limit_of(flag: str, said: str | None) -> Limit | None:
    """What ``0.1%`` or ``25`` says; None without any. Raises `UsageError`, which names the flag."""
    if said is None:
        return None
    found = _LIMIT.fullmatch(said.strip())
    if found is None or (not found[2] and "." in found[1]):
        raise UsageError(f"{flag} {said}: give a share of the events, such as 0.1%, or a whole number of them")
    return Limit(flag, said, float(found[1]) / (100 if found[2] else 1), bool(found[2]))


def exceeded(record: Record, only: str | None, new: Limit | None, let_go: Limit | None) -> Iterator[str]:
    """A line for each limit that is exceeded, by the verdicts of the set or by a policy that is enforced.

    A policy in mode shadow changes no verdict, and counts where it is the `only` one that was asked about.
    """
    held: list[tuple[str, Moves]] = [("the set", record.verdicts)]
    held += [
        (each.policy, each.moves)
        for each in record.policies
        if each.judged and (only is not None or "enforce" in {each.mode, each.mode_before} or each.mode is None)
    ]
    for name, moves in held:
        for limit, count, what in ((new, moves.new, "new"), (let_go, moves.let_go, "let go")):
            if limit is not None and limit.exceeded(count, moves.events):
                yield f"{name}: {count:,} of {moves.events:,} events are {what}; {limit.flag} allows {limit.said}"
