"""What happens when, drawn from the seed alone. Pure: the same seed and faults give the same rounds for ever.

Faults are cards. A deck has each fault as often as it says, and is shuffled anew when it has been played: a long run
meets every fault, and a short one those that come first. A round is one fault that lasts, often with a kill in the
middle of it, or a burst of kills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import FAULTS, KILLS
from tests.chaos.faults.fault import Fault

BURST = 4
"""Most kills in a row."""
GAP = (0.5, 4.0)
"""Seconds between two of them."""
WITH_A_KILL = 0.5
"""The share of faults that last which have a kill in their middle."""


@dataclass(frozen=True)
class Strike:
    """A fault that begins `after` seconds of its round."""

    after: float
    name: str
    seed: str

    def fault(self) -> Fault:
        """The fault itself, with all that it chooses drawn."""
        return FAULTS[self.name](Random(self.seed))


Round = list[Strike]


def rounds(seed: int, names: Sequence[str]) -> Iterator[Round]:
    """The rounds of a run, without end; none where there are no faults."""
    draw, number = Random(f"schedule {seed}"), 0
    while names:
        deck = [name for name in names for _ in range(FAULTS[name].in_a_deck)]
        draw.shuffle(deck)
        while deck:
            number += 1
            yield [
                Strike(after, name, f"{seed} {number} {index} {name}")
                for index, (after, name) in enumerate(_round(deck, draw))
            ]


def _round(deck: list[str], draw: Random) -> list[tuple[float, str]]:
    first = deck.pop()
    lasts = FAULTS[first].lasts
    played = [(0.0, first)]
    if first in KILLS:
        at = 0.0
        for _ in range(draw.randrange(BURST)):
            at += draw.uniform(*GAP)
            played += _a_kill(deck, at)
    elif lasts >= 2 and draw.random() < WITH_A_KILL:
        played += _a_kill(deck, draw.uniform(0.3, lasts))
    return played


def _a_kill(deck: list[str], at: float) -> list[tuple[float, str]]:
    """Take the next kill out of the deck, where there is one."""
    for index in reversed(range(len(deck))):
        if deck[index] in KILLS:
            return [(at, deck.pop(index))]
    return []
