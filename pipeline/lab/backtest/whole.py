"""From what an engine counted to a record."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.archive.archive import Archive
from pipeline.lab.backtest.engine import Engine
from pipeline.lab.backtest.record import Asked, PolicyRecord, Record, Skipped
from pipeline.lab.backtest.told import Told
from pipeline.rules.policies.policy_set import Policy, PolicySet


def whole(
    engine: Engine,
    archive: Archive,
    asked: Asked,
    *,
    segments: int,
    skipped: Sequence[Skipped] = (),
    shards: Sequence[str] = (),
) -> Record:
    """The record of all blocks that the engine took, which were this archive's, and after which none come."""
    engine.end()
    told = Told(archive, engine.marked)
    return Record(
        asked=asked,
        shards=tuple(shards),
        segments=segments,
        rows=engine.rows,
        days=engine.tally.of_days(),
        policies=tuple(_policy(engine, policy, told) for policy in sorted(engine.roster.ids)),
        skipped=tuple(skipped),
    )


def _policy(engine: Engine, policy: str, told: Told) -> PolicyRecord:
    question, roster, index = engine.question, engine.roster, engine.roster.index(policy)
    now, was = (
        _of(question.now.policy_set, policy),
        _of(question.before.policy_set if question.before else None, policy),
    )
    known = now or was
    return PolicyRecord(
        policy=policy,
        title=known.title if known else "",
        mode=now.mode if now else None,
        version=now.version if now else "",
        mode_before=was.mode if was else None,
        version_before=was.version if was else "",
        judged=question.only is None or policy == question.only,
        days=engine.tally.of_policy(index),
        thresholds=(
            engine.nearness.thresholds(question.now.ids.index(policy), told) if policy in question.now.ids else ()
        ),
        overlap={
            other: count for other in sorted(roster.ids) if (count := _overlap(engine, index, roster.index(other)))
        },
        new=told.of(engine.new[index].kept) if index in engine.new else (),
        let_go=told.of(engine.let_go[index].kept) if index in engine.let_go else (),
    )


def _of(policy_set: PolicySet | None, policy: str) -> Policy | None:
    return next((each for each in policy_set.policies if each.id == policy), None) if policy_set else None


def _overlap(engine: Engine, one: int, other: int) -> int:
    return 0 if one == other else engine.tally.overlap[min(one, other), max(one, other)]
