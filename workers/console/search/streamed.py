"""Searching what has just streamed by, where there is no archive: by the same scores, of signals that are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.archive.search.found import Found
from pipeline.archive.search.likeness import Likeness
from pipeline.archive.search.query import Query, Scored
from pipeline.archive.search.search import Seen
from pipeline.archive.search.words import Words, scored
from pipeline.rules.archive.nearest import Nearest
from pipeline.signals import Features, Signals
from pipeline.wire import Decision, Region
from workers.console.search.result import Hit, Result
from workers.search.record import Asked, Nearby
from workers.search.run import Lined, Search, evidence, record, stood_against

if TYPE_CHECKING:
    from workers.console.policies.recent import Sample

WHERE = "what has just streamed by"


def of_sample(sample: Sample, what: Search) -> Result:
    """What is nearest of the sample, which a model has seen that `what` can be compared with."""
    decided = list[tuple[Decision, Signals]]()
    for answer, signals in zip(sample.answers, sample.signals, strict=True):
        if isinstance(answer.said, Decision) and _counts(answer.said, what):
            decided.append((answer.said, signals))
    nearest = Nearest[tuple[int, int]](what.most, what.asked.alike)
    scores = _scores(what.query, [signals for _, signals in decided]) if decided else []
    for at, (score, view) in enumerate(scores):
        nearest.offer(score, _view(decided[at][1], view)[0], (at, view))
    found = list[Lined]()
    for line, count in nearest.lines(what.asked.least):
        decision, signals = decided[line.found[0]]
        one = Found(decision, signals, _view(signals, line.found[1])[1], None)
        found.append(Lined(Nearby.of(len(found) + 1, line.score, count, one, evidence(what.query, one)), one))
    seen = Seen(rows=sum(len(signals.features) for _, signals in decided), images=len(decided))
    over = f"{sample.waiting:,} pictures wait to be looked at; search again" if sample.waiting else ""
    hits = [Hit(each.nearby, each.found.decision.source) for each in found]
    return Result(record(what, seen, nearest.best, found), hits, WHERE, over, stood_against(what.query))


def _scores(query: Query, signals: Sequence[Signals]) -> list[Scored]:
    if isinstance(query, Words):
        opinion = query.compiled.look(signals)
        return [scored(opinion, image) for image in range(len(signals))]
    assert isinstance(query, Likeness)  # noqa: S101 - there are no other queries
    return [query.of_views(each.features) for each in signals]


def _view(signals: Signals, view: int) -> tuple[Features, Region]:
    """The features of a view, by its place among all of them, and where it was taken."""
    first, closer = len(signals.features), signals.closer
    if view < first or closer is None:
        return signals.features[view], signals.region(view)
    return closer.features[view - first], closer.region(view - first)


def _counts(decision: Decision, what: Search) -> bool:
    asked: Asked = what.asked
    at = datetime.fromisoformat(decision.decided_at).timestamp()
    policies = {each.policy for each in (*decision.matches, *decision.shadow)}
    return (
        (not asked.verdicts or decision.verdict in asked.verdicts)
        and (not asked.policies or bool(policies & set(asked.policies)))
        and (asked.since is None or at >= asked.since)
        and (asked.until is None or at < asked.until)
    )
