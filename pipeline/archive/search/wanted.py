"""Which images of an archive count: by what was decided of them, and whose they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.archive import Block

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Wanted:
    """Images that hold for all that is said; None and an empty collection say nothing."""

    verdicts: Collection[str] = ()
    policies: Collection[str] = ()
    """At least one of these matched, in mode enforce or shadow."""
    subject: str | None = None

    @property
    def columns(self) -> list[str]:
        """What `of` needs of a block."""
        asked = {
            "verdict": bool(self.verdicts),
            "matches": bool(self.policies),
            "subject": self.subject is not None,
        }
        return [name for name, needed in asked.items() if needed]

    def of(self, block: Block) -> Flags:
        """``bool[E]``: which events count."""
        counts = np.ones(block.events, np.bool_)
        if self.verdicts:
            counts &= _among(block.column("verdict"), self.verdicts)
        if self.subject is not None:
            counts &= _among(block.column("subject"), [self.subject])
        if self.policies:
            counts &= _matched(block.column("matches"), self.policies)
        return counts


def _among(column: pa.ChunkedArray, values: Collection[str]) -> Flags:
    text = column.cast(pa.string())
    return np.asarray(pc.is_in(text, value_set=pa.array(values, pa.string())).to_numpy(), np.bool_)


def _matched(matches: pa.ChunkedArray, policies: Collection[str]) -> Flags:
    """Whether one of the list's entries is of one of these policies."""
    found = np.zeros(len(matches), np.bool_)
    entries = pc.list_flatten(matches).combine_chunks()
    parents = pc.list_parent_indices(matches).to_numpy()
    if len(parents):
        found[parents[_among(pa.chunked_array([pc.struct_field(entries, "policy")]), policies)]] = True
    return found
