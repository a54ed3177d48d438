"""Of which archived events it is certain, without judging them, that other policies change nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.lab.backtest.bounds import Screen, undecided
from pipeline.lab.backtest.engine import COLUMNS as OF_SCREEN
from pipeline.lab.backtest.moves import OUTCOMES
from pipeline.lab.backtest.sides import EVENT_BITS, Found, Roster, decided, judged
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.redeciding import Changes

COLUMNS = (*OF_SCREEN, "verdict")
"""What it needs of a block."""
Events = NDArray[np.intp]


class Settled:
    """Looks at a block as a backtest does. Used by one thread."""

    def __init__(self, compiled: CompiledPolicies, kind: Changes, screen: Screen) -> None:
        """`screen` is of these policies alone; `kind` says what would have to change."""
        self._compiled = compiled
        self._kind: Changes = kind
        self._screen = screen
        self._roster = Roster(compiled.ids)

    def maybe(self, block: Block) -> Events:
        """The events of a block that may be decided otherwise than they were, in order."""
        if not block.events:
            return np.zeros(0, np.intp)
        [bounds] = self._screen(block, [self._compiled.lowest])
        now = judged(bounds, self._compiled, self._roster)
        changed = _verdicts_differ(block, now) if self._kind == "verdict" else self._matches_differ(block, now)
        return np.union1d(changed, bounds.events[undecided(bounds, self._compiled)])

    def _matches_differ(self, block: Block, now: Found) -> Events:
        differing = np.setxor1d(_enforced(decided(block, self._roster)), _enforced(now))
        return np.unique(differing // len(OUTCOMES) & ((1 << EVENT_BITS) - 1)).astype(np.intp)


def _verdicts_differ(block: Block, now: Found) -> Events:
    severest = np.zeros(block.events, np.uint8)
    np.maximum.at(severest, now.event[now.enforced], now.outcome[now.enforced])
    said = block.column("verdict").cast(pa.string()).combine_chunks().dictionary_encode()
    number = np.array([OUTCOMES.index(each) for each in said.dictionary.to_pylist()], np.uint8)
    return np.flatnonzero(number[said.indices.to_numpy()] != severest)


def _enforced(found: Found) -> NDArray[np.int64]:
    """One number for each enforced match: its policy, event and outcome."""
    return (found.pairs * len(OUTCOMES) + found.outcome)[found.enforced]
