"""The figures of *Live*: what they are now, and over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.wire import SEVERITY
from workers.console.console import Console
from workers.console.fleet.fleet import Looked
from workers.console.fleet.partitions import Place
from workers.console.fleet.processes import Process
from workers.console.rendering import shown
from workers.console.stream.changes import Change
from workers.console.stream.counts import Step
from workers.console.stream.feed import Condition, Gap

SPANS: Mapping[str, float] = {"hour": 3600.0, "day": 86_400.0}
"""How far back charts go by what the console has seen itself, in seconds."""
LONGER: Mapping[str, float] = {"week": 7 * 86_400.0, "month": 30 * 86_400.0}
"""How far back they go by a Prometheus."""
VERDICTS = (*SEVERITY, "dead letter")
RECENT = 60.0
"""Seconds over which a rate of now is counted."""
MOST_ALARMS = 3
"""Partitions that stand still and are told of one by one: a phone has room for no more."""
MOST_POLICIES = 8
"""Policies that a chart tells apart."""
NOTHING = Step(0.0)
LONGEST = 40
"""Characters of a line's name."""


@dataclass(frozen=True)
class Figures:
    now: float
    stream: Condition
    looked: Looked
    rates: Mapping[str, float]
    """Answers a second by verdict, over the last minute; empty where none of it could be read."""
    reasons: Sequence[tuple[str, int]] | None
    """Dead letters of the last hour by reason; None where none of it could be read."""
    policies: Sequence[tuple[str, float]]
    """Matches a minute by policy, over the last minute."""
    places: Sequence[Place]
    processes: Sequence[Process]
    fleet: Mapping[str, float]
    changes: Sequence[Change]

    @property
    def lag(self) -> int | None:
        """Images that wait; None until the broker has said so."""
        return sum(each.lag for each in self.places) if self.looked.at else None

    @property
    def verdicts(self) -> list[tuple[str, float | None]]:
        """Answers a second by verdict, None where nothing is known."""
        return [(each, self.rates.get(each)) for each in VERDICTS]

    @property
    def total(self) -> float | None:
        """Answers a second."""
        return sum(self.rates.values()) if self.rates else None

    @property
    def letters(self) -> float | None:
        """Dead letters a minute."""
        return 60 * self.rates["dead letter"] if self.rates else None

    @property
    def still(self) -> list[Place]:
        """Partitions that stand still, those first that have for longest."""
        still = [each for each in self.places if each.still_for(self.now)]
        return sorted(still, key=lambda each: -each.still_for(self.now))

    @property
    def told(self) -> list[Place]:
        """Those of them that are told of one by one."""
        return self.still[:MOST_ALARMS]

    @property
    def untold(self) -> list[Place]:
        """The others that stand still."""
        return self.still[MOST_ALARMS:]

    @property
    def flagged(self) -> float | None:
        """The share of decided images that were not allowed."""
        decided = sum(rate for verdict, rate in self.rates.items() if verdict != "dead letter")
        return (decided - self.rates["allow"]) / decided if decided else None

    def of(self, kind: str) -> list[tuple[str, float]]:
        """The fleet's figures of that kind, such as ``stage``, by name."""
        return [
            (name.removeprefix(f"{kind} "), value)
            for name, value in self.fleet.items()
            if name.startswith(f"{kind} ")
        ]


def figures_of(console: Console, now: float) -> Figures:
    steps, _ = console.feed.steps(3600.0)
    recent = _summed(steps.since(now - RECENT))
    covered = max(1.0, min(RECENT + steps.seconds, now - min((s.at for s in steps.since(now - RECENT)), default=now)))
    known = console.feed.read_until
    hour = _summed(steps.since(now - 3600.0))
    reasons = Counter({key[1]: count for key, count in hour.items() if key[0] == "reason"}).most_common()
    return Figures(
        now=now,
        stream=console.feed.condition,
        looked=console.fleet.looked,
        rates={each: recent["verdict", each] / covered for each in VERDICTS} if known > now - RECENT else {},
        reasons=reasons if known > now - 3600.0 else None,
        policies=[(name, count * 60 / covered) for name, count in _of(recent, "policy").most_common(MOST_POLICIES)],
        places=console.fleet.places,
        processes=console.fleet.processes,
        fleet=console.fleet.samples.latest(now - RECENT),
        changes=console.feed.changes.since(now - SPANS["day"])[-12:][::-1],
    )


def series_of(console: Console, seconds: float, now: float) -> dict[str, Any]:
    """What the charts draw: times in seconds, and for each chart its lines, None where nothing is known."""
    steps, since = console.feed.steps(seconds)
    counted = steps.since(since)
    first = counted[0].at if counted else now
    at = [first + steps.seconds * index for index in range(int((now - first) // steps.seconds) + 1)]
    by_time: dict[float, Step | None] = {step.at: step for step in counted}
    by_time |= dict.fromkeys(_unread(at, steps.seconds, console.feed.unread()))
    named = _of(_summed(counted), "policy")
    rows = console.fleet.samples.since(since, seconds)
    names = sorted({name for _, row in rows for name in row})
    return {
        "seconds": seconds,
        "now": now,
        "answers": _chart(at, {name: _rates(by_time, at, ("verdict", name), steps.seconds) for name in VERDICTS}),
        "policies": _chart(
            at,
            {
                name: _rates(by_time, at, ("policy", name), steps.seconds / 60)
                for name, _ in named.most_common(MOST_POLICIES)
            },
        ),
        "fleet": _chart([each for each, _ in rows], {name: [row.get(name) for _, row in rows] for name in names}),
        "changes": [
            {"at": each.at, "kind": each.kind, "what": each.what} for each in console.feed.changes.since(since)
        ],
    }


def _chart(at: Sequence[float], lines: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    return {
        "at": list(at),
        "lines": [{"name": shown(name, LONGEST), "values": list(values)} for name, values in lines.items()],
    }


def _rates(
    steps: Mapping[float, Step | None], at: Sequence[float], key: tuple[str, str], seconds: float
) -> list[float | None]:
    """Nothing where a step is None, and 0 where there is no step."""
    found = (steps.get(each, NOTHING) for each in at)
    return [None if step is None else round(step.counts[key] / seconds, 3) for step in found]


def _unread(at: Sequence[float], seconds: float, gaps: Sequence[Gap]) -> Iterator[float]:
    """The steps in which no answers were read from beginning to end."""
    return (each for each in at if any(begun <= each and each + seconds <= ended for begun, ended in gaps))


def _summed(steps: Sequence[Step]) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for step in steps:
        total.update(step.counts)
    return total


def _of(counts: Mapping[tuple[str, str], int], kind: str) -> Counter[str]:
    return Counter({name: count for (each, name), count in counts.items() if each == kind})
