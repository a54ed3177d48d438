"""The queue of somebody who reviews a stream that no archive keeps: of the decisions that are remembered.

It is in the order of that of an archive (`pipeline.lab.reviews.queue`). Without features, only pictures of the very
same bytes are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import msgspec

from pipeline.rules.reviews.queueing import Answered, agreed, in_turn, margin, mixed, thresholds_of
from pipeline.rules.reviews.waiting import Kind, Waiting, Wanted, chance_of
from pipeline.wire import Decision, Review


def of_interest(decision: Decision) -> bool:
    """Whether a queue must know of it: somebody should look at it, or it replaces what they should have looked at."""
    return _asks(decision) or decision.supersedes is not msgspec.UNSET


def streamed(decisions: Iterable[Decision], wanted: Wanted, reviews: Sequence[Review]) -> list[Waiting]:
    """The first `wanted.most` images of the queue. Of several decisions on an event the last one counts."""
    known, answered = agreed(reviews, wanted.reviewer), Answered(reviews)
    last = {each.event_id: each for each in decisions}
    asked = [each for decision in last.values() for each in _asked(decision, wanted, answered, known)]
    sent = sorted((each for each in asked if each.kind == "sent"), key=lambda each: each.margin)
    drawn = sorted((each for each in asked if each.kind == "drawn"), key=lambda each: in_turn(each.decision.event_id))
    golden = sorted(
        (each for each in asked if each.kind == "golden"),
        key=lambda each: in_turn(each.decision.event_id, wanted.reviewer),
    )
    return list(islice(mixed(_folded(sent), _folded(drawn), golden, wanted.mix), wanted.most))


def _asked(
    decision: Decision, wanted: Wanted, answered: Answered, known: Mapping[str, Mapping[str, Review]]
) -> Iterator[Waiting]:
    event, said = decision.event_id, known.get(decision.event_id, {})
    margins = dict.fromkeys(wanted.actions if _asks(decision) else (), 0.0)
    if said:
        margins = dict.fromkeys(said, 0.0)
    elif decision.verdict == "review":
        margins = _margins(decision, wanted)
    policies = [
        each
        for each in margins
        if each in decision.scores
        and wanted.policy in {None, each}
        and (said or not answered.has(event, decision.image_id, each))
    ]
    if policies:
        kind: Kind = "golden" if said else "sent" if decision.verdict == "review" else "drawn"
        policies.sort(key=decision.scores.__getitem__, reverse=True)
        far = min(margins[each] for each in policies)
        chance = chance_of(kind, decision, wanted.drawn or 1.0)
        yield Waiting(kind, decision, tuple(policies), chance, None, far, known=said)


def _asks(decision: Decision) -> bool:
    """Whether a policy sent it to review, or it was drawn of the allowed ones."""
    return decision.verdict == "review" or decision.review_probability is not msgspec.UNSET


def _margins(decision: Decision, wanted: Wanted) -> dict[str, float]:
    """The policies that sent it to review, each with the margin of its score."""
    sent = (each for each in decision.matches if each.action in {"review", "block"})
    return {each.policy: margin(each.score, thresholds_of(wanted.actions, each.policy)) for each in sent}


def _folded(asked: Iterable[Waiting]) -> list[Waiting]:
    """Each picture once, with all that have its bytes and ask the same."""
    first: dict[tuple[str, frozenset[str]], Waiting] = {}
    for each in asked:
        same = each.decision.content_sha256, frozenset(each.policies)
        kept = first.get(same)
        first[same] = each if kept is None else replace(kept, alike=(*kept.alike, each.decision))
    return list(first.values())
