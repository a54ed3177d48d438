"""Streams that try a limit: what flags, how often, and what goes round. ``python -m tests.rules.limits.simulated``.

Each is a stream of images in random directions of 64 numbers, ten a second, put to a policy with a limit of 0.5 % per
10 minutes until it is held, or to the end. A fleet of 20 workers has 200 a second, one after the other in turn; each
goes by itself, or every second tells the others what it counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.rules.judging import Judgement
from pipeline.rules.limits.counts import counts_of, together
from pipeline.rules.limits.holding import Holding
from pipeline.rules.policies.policy_set import Limits, Policy
from pipeline.signals import WHOLE, Features, Signals, regions_of
from pipeline.wire import Match
from tests.archive.made import MADE_BY

LIMITS = Limits(0.005, 600.0)
WEAPONS = Policy("weapons", "Weapons", ("a knife",), {"block": 0.9}, version="v1", limits=LIMITS)
ALLOWED = Judgement({"weapons": 0.1}, [], [])
BLOCKED = Judgement({"weapons": 0.95}, [Match("weapons", "v1", "block", 0.95, 0.9, "a knife", 0.95)], [])
EVERY = 0.1
"""Seconds between two images."""


@dataclass
class Shown:
    """An image: the hash of its bytes, its only view, and whether the policy flags it."""

    content: str
    view: Features
    flagged: bool


Stream = Callable[[int, np.random.Generator], Shown]


def something(number: int, chance: np.random.Generator, share: float) -> Shown:
    view = chance.normal(size=64)
    return Shown(str(number), unit(view), bool(chance.random() < share))


def viral(number: int, chance: np.random.Generator) -> Shown:
    """Half of the stream is one picture, saved again and again; all else flags 0.3 %."""
    if chance.random() < 0.5:
        view = np.ones(64) + 0.1 * chance.normal(size=64)
        return Shown(str(number), unit(view), flagged=True)
    return something(number, chance, 0.003)


def bad_wording(share: float) -> Stream:
    """That share is flagged from the first image on, as after an edit."""
    return lambda number, chance: something(number, chance, share)


def drift(number: int, chance: np.random.Generator) -> Shown:
    """From 0.3 % to 3.3 % over 100,000 images, which is 2 hours and 47 minutes."""
    return something(number, chance, 0.003 + 0.03 * number / 100_000)


def held_at(stream: Stream, most: int, seed: int) -> int | None:
    """After how many images the policy is held; None if it is not within so many."""
    return held_in_fleet(stream, most, seed, workers=1)


def held_in_fleet(stream: Stream, most: int, seed: int, *, workers: int = 20, pooled: bool = False) -> int | None:
    """After how many images of all workers one of them holds the policy; `pooled`, by what all of them counted."""
    chance, fleet = np.random.default_rng(seed), [Holding() for _ in range(workers)]
    for each in fleet:
        each.follow("set", [WEAPONS])
    every = EVERY / workers
    for number in range(most):
        shown, now = stream(number, chance), number * every
        signals = Signals(shown.view[None], regions_of([WHOLE]), MADE_BY)
        judgement = BLOCKED if shown.flagged else ALLOWED
        if fleet[number % workers].count(now, shown.content, signals, judgement):
            return number + 1
        if pooled and int(now) != int(now + every) and _beyond_together(fleet, now):
            return number + 1
    return None


def _beyond_together(fleet: Sequence[Holding], now: float) -> bool:
    """Whether any of them would see so, now that all have told each other what they counted."""
    mine, *others = (counts_of(each.counted(now)) for each in fleet)
    return any(together(name, count, others, LIMITS.rate) for name, count in mine.items())


def unit(view: np.ndarray) -> Features:
    found: Features = (view / np.linalg.norm(view)).astype(np.float32)
    return found


def another(policy: Policy, version: str) -> Policy:
    return replace(policy, version=version)


def main() -> None:
    """Print how many of some streams of each kind are held, and after how many images: of a worker, of a fleet."""
    kinds: dict[str, tuple[Stream, int]] = {
        "a viral picture": (viral, 30_000),
        "at its limit of 0.5 %": (bad_wording(0.005), 30_000),
        "at 0.8 %": (bad_wording(0.008), 30_000),
        "a bad wording, 2 %": (bad_wording(0.02), 30_000),
        "a bad wording, 5 %": (bad_wording(0.05), 10_000),
        "a bad wording, 20 %": (bad_wording(0.2), 10_000),
        "a bad wording, 100 %": (bad_wording(1.0), 1_000),
        "a slow drift": (drift, 100_000),
    }
    for name, (stream, most) in kinds.items():
        _print(name, "one worker", [held_at(stream, most, seed) for seed in range(20)])
        fleets = "each by itself", "together"
        for pooled, fleet in enumerate(fleets):
            found = [held_in_fleet(stream, 3 * most, seed, pooled=bool(pooled)) for seed in range(5)]
            _print(name, f"20 workers, {fleet}", found)


def _print(name: str, who: str, found: Sequence[int | None]) -> None:
    after = sorted(each for each in found if each is not None)
    said = f"after {after[0]:,} to {after[-1]:,}, median {after[len(after) // 2]:,}" if after else ""
    print(f"{name:22} {who:26} held in {len(after):2} of {len(found)} {said}", flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()
