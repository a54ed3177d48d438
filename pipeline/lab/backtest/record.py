"""A whole backtest as a value. Records of other segments, by the same question, add up to that of them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from pipeline.lab.backtest.moves import Moves, total
from pipeline.lab.evaluation.shares import Estimate, share
from pipeline.wire import Action, Verdict, refuses_deep

SCHEMA = "sluice.backtest.v1"
PER = 1_000_000
"""Rates are per so many events."""

Mode = Literal["enforce", "shadow", "off"]


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is told of by itself, as near a threshold, or as flagged now and not before.

    ``score`` is the policy's, as a decision gives it; ``before`` and ``after`` are the policy's outcomes.
    """

    image_id: str
    event_id: str
    decision_id: str
    decided_at: str
    """RFC 3339, in UTC."""
    score: float | None = None
    """None where the policy is not judged now."""
    before: Verdict
    after: Verdict
    segment: str
    """The path of its segment."""
    record: int
    """Its offset in the features topic, which with the segment's partition and day names it whatever is compacted."""
    thumbnail: bytes | None = None
    """A WebP, where one was kept and was asked for."""


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's threshold for an action, and the images nearest to it; the nearest come first."""

    action: Action
    threshold: float
    above: tuple[Near, ...] = ()
    """Those that reach it."""
    below: tuple[Near, ...] = ()


class PolicyDay(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of one day, by the day in UTC on which they were decided."""

    day: str
    moves: Moves


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy would have done."""

    policy: str
    title: str = ""
    mode: Mode | None
    """None for a policy that is not in what is judged now."""
    version: str = ""
    mode_before: Mode | None = None
    """None where it was not there before, or where "before" is what was decided: then each decision has its own."""
    version_before: str = ""
    judged: bool = True
    """Whether it was judged anew; if not it has what it had before, and stands here for the overlaps."""
    days: tuple[PolicyDay, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    """Mildest action first."""
    overlap: dict[str, int] = {}
    """For each other policy that matches any of the same events now, how many."""
    new: tuple[Near, ...] = ()
    """Some of what it flags now and did not before, drawn by chance (the same ones each time)."""
    let_go: tuple[Near, ...] = ()

    @property
    def moves(self) -> Moves:
        """The outcomes of all events: ``allow`` where it does not match."""
        return total(each.moves for each in self.days)

    @property
    def per_million(self) -> Estimate | None:
        """How many of a million events it flags now, with a 95% interval; None without any event."""
        return per_million(self.moves.flagged, self.moves.events)


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """Segments that say nothing of this model, since another one or another preprocessing made them."""

    fingerprint: str
    preprocess: str
    segments: int
    events: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The question. Only records of the same one can be added up."""

    archive: str
    since: str | None = None
    """RFC 3339; None from the beginning."""
    until: str | None = None
    """RFC 3339, of the first moment that is left out; None up to the end."""
    model: str
    fingerprint: str
    preprocess: str
    policies: str = ""
    """The folder or file that is judged by."""
    policy_set: str
    """The version of that set."""
    against: str | None = None
    """The folder that it is compared with; None for what was decided."""
    against_set: str = ""
    nearest: int
    """How many images are told of on either side of a threshold."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What policies would have decided, and what was decided, or what another folder would have."""

    schema: str = SCHEMA
    asked: Asked
    shards: tuple[str, ...] = ()
    """Which parts of the segments it is of, as ``K/N``; empty for all of them."""
    segments: int
    rows: int
    days: tuple[PolicyDay, ...]
    """The verdicts of the whole set, before and now."""
    policies: tuple[PolicyRecord, ...]
    """By id."""
    skipped: tuple[Skipped, ...] = ()

    @property
    def verdicts(self) -> Moves:
        """The verdicts of all events."""
        return total(each.moves for each in self.days)

    @property
    def events(self) -> int:
        return self.verdicts.events

    @property
    def by_policy(self) -> Mapping[str, PolicyRecord]:
        return {each.policy: each for each in self.policies}


def per_million(count: int, events: int) -> Estimate | None:
    """A rate per million events, with Wilson's 95% interval; None without any event."""
    if not events:
        return None
    found = share(count, events)
    return Estimate(found.value * PER, found.low * PER, found.high * PER)


def record_bytes(record: Record) -> bytes:
    """The record as JSON, of which nothing is lost; what `parse_record` reads."""
    return msgspec.json.encode(record) + b"\n"


@refuses_deep
def parse_record(data: bytes) -> Record:
    """Read a record back. Raises `msgspec.DecodeError` naming what does not fit."""
    return msgspec.json.decode(data, type=Record)
