"""Which policies each policy set scores. An image that a set without some policy decided says nothing of that one."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.block import Block

COLUMN = "policy_set"
"""What `Scored.sets_of` needs of a block; of each set's first decision it reads the scores as well."""


@dataclass
class Scored:
    """The policy sets that were met so far. All decisions of a set score the same policies, so one says which."""

    versions: list[str] = field(default_factory=list)
    policies: list[AbstractSet[str]] = field(default_factory=list)
    """Of each set the ids that it scores."""
    _numbers: dict[str, int] = field(default_factory=dict)

    def sets_of(self, block: Block) -> NDArray[np.int64]:
        """``int64[E]``: the number of each event's policy set, which stays from block to block."""
        coded = block.column(COLUMN).cast(pa.string()).combine_chunks().dictionary_encode()
        codes = coded.indices.to_numpy()
        numbers = [
            self._number(block, version, int(np.argmax(codes == at)))
            for at, version in enumerate(coded.dictionary.to_pylist())
        ]
        return np.asarray(np.array(numbers, np.int64)[codes])

    def _number(self, block: Block, version: str, event: int) -> int:
        if version not in self._numbers:
            self._numbers[version] = len(self.versions)
            self.versions.append(version)
            scores = block.need(["scores"]).rows["scores"][int(block.offsets[event])].as_py()
            self.policies.append(frozenset(dict(scores)))
        return self._numbers[version]
