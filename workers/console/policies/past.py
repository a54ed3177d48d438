"""A policy tried on the newest of an archive, as `sluice backtest` tries it, within bounds of rows and seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from heapq import nlargest

import numpy as np

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.archive.lookup import newest_first
from pipeline.archive.search.found import look_up
from pipeline.archive.search.search import Place
from pipeline.lab.backtest.bounds import Array, Bounds, Screen
from pipeline.lab.backtest.engine import COLUMNS, EVERY_COLUMN, Engine, Question
from pipeline.lab.backtest.moves import total
from pipeline.lab.backtest.told import Marked
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Policy
from pipeline.rules.times import seconds_of
from pipeline.signals import Provenance
from workers import assembly
from workers.console.policies.trial import BINS, SHOWN, Scored, Trial, outcome_of
from workers.console.stream.answers import Passing
from workers.settings import Settings

ROWS = 100_000
"""Rows that are judged at most; a block that was begun is judged to its end."""
PATIENCE = 4.0
"""Seconds after which no further block is begun."""


class Seen:
    """A `Screen` that counts scores on their way to the engine, and keeps the highest."""

    def __init__(self, screen: Screen, policy: Policy) -> None:
        self._screen = screen
        self._policy = policy
        self.counts = np.zeros(BINS, np.int64)
        self.reach = dict.fromkeys(policy.actions, 0)
        self.highest: list[tuple[float, Place]] = []
        self.events = 0

    def __call__(self, block: Block, least: Sequence[Array]) -> Sequence[Bounds]:
        found = self._screen(block, [np.zeros_like(each) for each in least])  # what scores no less is every event
        scores = found[0].low[:, 0]
        self.events += len(scores)
        self.counts += np.bincount(np.minimum((scores * BINS).astype(int), BINS - 1), minlength=BINS)
        for action, threshold in self._policy.actions.items():
            self.reach[action] += int((scores >= threshold).sum())
        top = np.argsort(-scores, kind="stable")[:SHOWN]
        records = block.records[found[0].events[top]].tolist()
        offered = [(scores[at], Place(block.segment, record, 0)) for at, record in zip(top, records, strict=True)]
        self.highest = nlargest(SHOWN, [*self.highest, *offered], key=lambda each: each[0])
        return found


def tried_on_archive(
    settings: Settings,
    archive: Archive,
    made_by: Provenance,
    now: CompiledPolicies,
    before: CompiledPolicies | None,
) -> Trial | None:
    """None where the archive has no rows of that model. Raises `StoreError`.

    Without `before` it is compared with what was decided.
    """
    [policy] = now.policies
    question = Question(now, before, None if before is not None else policy.id, SHOWN)
    seen = Seen(assembly.screen(settings, question.sets), policy)
    engine = Engine(question, seen)
    segments = _made_by(archive.segments(), made_by)
    ended = _take(engine, archive, segments)
    if not engine.rows:
        return None
    number = engine.roster.index(policy.id)
    moves = total(day.moves for day in engine.tally.of_policy(number))
    new, let_go = (draws[number].kept if number in draws else [] for draws in (engine.new, engine.let_go))
    earlier = before.policies[0] if before is not None and before.policies else None
    return Trial(
        policy,
        f"{seen.events:,} {'image' if seen.events == 1 else 'images'}, "
        f"{'all that the archive has' if ended else 'the newest of the archive'}",
        seen.events,
        seen.counts.tolist(),
        _told(archive, [place for _, place in seen.highest], now, before),
        _told(archive, _places(new), now, before),
        _told(archive, _places(let_go), now, before),
        seen.reach,
        moves.new if earlier is not None else 0,
        moves.let_go if earlier is not None else 0,
    )


def _made_by(segments: Sequence[Segment], made_by: Provenance) -> list[Segment]:
    wanted = made_by.model.fingerprint, made_by.preprocess
    fitting = (each for each in segments if (each.name.group.fingerprint, each.name.group.preprocess) == wanted)
    return newest_first(fitting)


def _take(engine: Engine, archive: Archive, segments: Sequence[Segment]) -> bool:
    """Whether all of it was taken before the bounds were reached."""
    ends = time.monotonic() + PATIENCE
    local = bool(segments) and archive.store.local(segments[0].path) is not None
    for block in archive.blocks(segments, COLUMNS if local else EVERY_COLUMN, mapped=1):
        if engine.rows >= ROWS or time.monotonic() > ends:
            return False
        engine.take(block)
    return True


def _places(marked: Sequence[Marked]) -> list[Place]:
    return [Place(each.at, each.record, 0) for each in marked]


def _told(
    archive: Archive, places: Sequence[Place], now: CompiledPolicies, before: CompiledPolicies | None
) -> list[Scored]:
    """What the archive has of these, the highest first; those that were erased meanwhile are left out."""
    return sorted(_scored(archive, places, now, before), key=lambda each: -each.score)


def _scored(
    archive: Archive, places: Sequence[Place], now: CompiledPolicies, before: CompiledPolicies | None
) -> Iterator[Scored]:
    there = [each for each in look_up(archive, places) if each is not None]
    signals = [each.signals for each in there]
    [policy] = now.policies
    was = before.look(signals).scores[:, 0].tolist() if there and before is not None and before.policies else None
    for at, (found, judgement) in enumerate(zip(there, judge(signals, now), strict=True)):
        score, said = judgement.scores[policy.id], found.decision
        answer = Passing(0, seconds_of(said.decided_at) or 0.0, said, said.source)
        earlier = outcome_of(before.policies[0], was[at]) if before is not None and was is not None else "allow"
        yield Scored(answer, score, outcome_of(policy, score), earlier, judgement.evidence(policy.id))
