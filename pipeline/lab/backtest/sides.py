"""What is compared: the policies that judge now, and what stood before, be it decided or judged by another folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.lab.backtest.bounds import Bounds, Outcomes, outcomes
from pipeline.lab.backtest.moves import OUTCOMES
from pipeline.rules.heads import CompiledPolicies

EVENT_BITS = 32


class Roster:
    """The ids of policies in the order in which they were met; there may be more of them later."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._index = {policy: at for at, policy in enumerate(dict.fromkeys(ids))}

    def __len__(self) -> int:
        return len(self._index)

    @property
    def ids(self) -> list[str]:
        return list(self._index)

    def index(self, policy: str) -> int:
        """The policy's number, which stays."""
        return self._index.setdefault(policy, len(self._index))

    def indices(self, policies: Iterable[str]) -> NDArray[np.intp]:
        return np.array([self.index(each) for each in policies], np.intp)


@dataclass(frozen=True, slots=True)
class Found:
    """Matches of a block's events, of one side: match m is of event ``event[m]`` under policy ``policy[m]``."""

    event: NDArray[np.intp]
    policy: NDArray[np.intp]
    """Its number in the roster."""
    outcome: Outcomes
    enforced: NDArray[np.bool_]

    @property
    def pairs(self) -> NDArray[np.int64]:
        """``int64[M]``: one number for each policy and event."""
        return (self.policy.astype(np.int64) << EVENT_BITS) | self.event


def decided(block: Block, roster: Roster) -> Found:
    """The matches of the decisions themselves; needs the column ``matches``."""
    column = block.rows["matches"].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    offsets = column.offsets.to_numpy()
    starts, counts = block.of_events(offsets[:-1]), block.of_events(np.diff(offsets))
    flagged = np.flatnonzero(counts)
    starts, counts = starts[flagged], counts[flagged]
    event = np.repeat(flagged, counts)
    within = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    said = column.values.take(pa.array(np.repeat(starts, counts) + within))
    policy, action = (_coded(said.field(name)) for name in ("policy", "action"))
    severities = np.array([OUTCOMES.index(each) for each in action[1]], np.uint8)
    enforced = np.asarray(said.field("mode").to_numpy(zero_copy_only=False) == "enforce", np.bool_)
    return Found(event, roster.indices(policy[1])[policy[0]], severities[action[0]], enforced)


def judged(bounds: Bounds, compiled: CompiledPolicies, roster: Roster) -> Found:
    """The matches of a policy set, of events whose bounds leave no outcome open."""
    found = outcomes(bounds.low, compiled.policies)
    at, column = np.nonzero(found)
    enforced = np.array([policy.mode == "enforce" for policy in compiled.policies], np.bool_)
    return Found(bounds.events[at], roster.indices(compiled.ids)[column], found[at, column], enforced[column])


def joined(parts: Sequence[Found]) -> Found:
    """The matches of all parts."""
    return Found(
        np.concatenate([each.event for each in parts]),
        np.concatenate([each.policy for each in parts]),
        np.concatenate([each.outcome for each in parts]),
        np.concatenate([each.enforced for each in parts]),
    )


def without(found: Found, policies: NDArray[np.intp]) -> Found:
    """The matches of other policies than these."""
    keep = ~np.isin(found.policy, policies)
    return Found(found.event[keep], found.policy[keep], found.outcome[keep], found.enforced[keep])


def _coded(column: pa.Array) -> tuple[NDArray[np.intp], list[str]]:
    """Where each value stands in a list of the different ones."""
    coded = column.dictionary_encode()
    return coded.indices.to_numpy().astype(np.intp), coded.dictionary.to_pylist()
