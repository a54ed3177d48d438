"""Decisions by time in an archive: day after day, and of rows that are not meant only what is filtered by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.rules.decisions import Asked
from pipeline.wire import Decision, parse_decision

Flags = NDArray[np.bool_]
AT_ONCE = 64
"""Chains of a day that are merged by time: each has a file open, and a block's matches in memory."""


def decisions_by_time(
    archive: Archive, segments: Sequence[Segment], asked: Asked, advance: Callable[[Block], object]
) -> Iterator[tuple[Decision, bytes]]:
    """The decisions of these segments that are meant, each with its JSON as it was published.

    Days follow each other. Within one, each partition's blocks are put in order of time and the partitions merged,
    `AT_ONCE` of them. `advance` is told of each block. Raises `StoreError` for a segment that is damaged.
    """
    in_order = sorted(segments, key=lambda each: (each.name.group.day, each.name.chain, each.name.start))
    for _, day in groupby(in_order, key=lambda each: each.name.group.day):
        chains = [list(chain) for _, chain in groupby(day, key=lambda each: each.name.chain)]
        for first in range(0, len(chains), AT_ONCE):
            streams = [_of_chain(archive, chain, asked, advance) for chain in chains[first : first + AT_ONCE]]
            yield from ((decision, said) for _, decision, said in merge(*streams, key=itemgetter(0)))


def _of_chain(
    archive: Archive, chain: Sequence[Segment], asked: Asked, advance: Callable[[Block], object]
) -> Iterator[tuple[int, Decision, bytes]]:
    """What is meant of one partition, with when it was decided, in milliseconds; each block by time."""
    for block in archive.blocks(chain, ("decided_at", *_columns(asked)), asked.window):
        found = np.flatnonzero(_may_be(block, asked))
        if len(found):
            decided = block.column("decided_at").cast(pa.int64()).to_numpy()[found]
            order = np.argsort(decided, kind="stable")
            rows = pa.array(block.offsets[:-1][found[order]])
            said = block.read(["decision"])["decision"].take(rows)
            for at, each in zip(decided[order].tolist(), said, strict=True):
                decision = parse_decision(each.as_py())
                if asked.means(decision, at / 1000):
                    yield at, decision, each.as_py()
        advance(block)


def _columns(asked: Asked) -> list[str]:
    """The columns that tell most of what is asked for without a decision."""
    by_match = asked.flagged or (asked.policy is not None and asked.min_score is None)
    wanted = {
        "verdict": bool(asked.verdicts),
        "image_id": asked.image is not None,
        "scores": asked.min_score is not None,
        "matches": by_match,
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]


def _may_be(block: Block, asked: Asked) -> Flags:
    """``bool[E]``: the events that may be meant, as far as their columns tell."""
    found = np.ones(block.events, np.bool_)
    if asked.verdicts:
        found &= _among(block.column("verdict"), asked.verdicts)
    if asked.image is not None:
        found &= _among(block.column("image_id"), {asked.image})
    if asked.flagged:
        found &= _with_entry(block, "matches", lambda entries: _equal(entries, "mode", "enforce"))
    if asked.min_score is not None:
        found &= _with_entry(block, "scores", lambda entries: _reached(entries, asked))
    elif asked.policy is not None:
        found &= _with_entry(block, "matches", lambda entries: _equal(entries, "policy", asked.policy))
    return found


def _with_entry(block: Block, name: str, meant: Callable[[pa.StructArray], Flags]) -> Flags:
    """Whether one of the entries that each event has in a column of lists is meant."""
    found, start = np.zeros(block.events, np.bool_), 0
    for chunk in block.column(name).chunks:
        lists = pa.ListArray.from_arrays(chunk.offsets, _entries(chunk))
        parents = pc.list_parent_indices(lists).to_numpy() + start
        found[parents[meant(pc.list_flatten(lists))]] = True
        start += len(chunk)
    return found


def _entries(chunk: pa.ListArray | pa.MapArray) -> pa.StructArray:
    if isinstance(chunk, pa.MapArray):
        return pa.StructArray.from_arrays([chunk.keys, chunk.items], ["policy", "score"])
    return chunk.values


def _reached(entries: pa.StructArray, asked: Asked) -> Flags:
    found = np.asarray(entries.field("score").to_numpy(zero_copy_only=False) >= asked.min_score, np.bool_)
    return found if asked.policy is None else found & _equal(entries, "policy", asked.policy)


def _equal(entries: pa.StructArray, field: str, value: str | None) -> Flags:
    return np.asarray(pc.equal(entries.field(field), value).to_numpy(zero_copy_only=False), np.bool_)


def _among(column: pa.ChunkedArray, values: frozenset[str] | set[str]) -> Flags:
    text = column.cast(pa.string())
    return np.asarray(pc.is_in(text, value_set=pa.array(sorted(values), pa.string())).to_numpy(), np.bool_)
