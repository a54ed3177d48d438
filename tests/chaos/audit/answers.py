"""The ledger against the answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from pipeline.wire import Event
from pipeline.wire.events import event_id
from tests.chaos.audit.breach import Breach
from tests.chaos.evidence import Evidence, Given, covering
from tests.chaos.ledger import Sent
from tests.chaos.reading import told
from tests.chaos.units import Exit


def answers_of(evidence: Evidence) -> dict[int, list[Given]]:
    """The answers to each event of the ledger, by its number.

    An answer that carries no number, since the event's key and headers had to be left out, belongs to the event
    of that id.
    """
    by_id = {_event_id(sent): sent.number for sent in evidence.sent}
    found: defaultdict[int, list[Given]] = defaultdict(list)
    for answer in evidence.answers:
        number = answer.number if answer.number is not None else by_id.get(answer.event_id)
        if number is not None:
            found[number].append(answer)
    return dict(found)


def unanswered(evidence: Evidence) -> Iterator[Breach]:
    """Acknowledged events without an answer that no log has named as lost, though somebody could have."""
    epochs, excused = list(evidence.epochs), unwitnessed(evidence)
    for sent in _unnamed(evidence):
        if sent.epoch in excused:
            continue
        gone = sent.epoch != epochs[-1] if epochs else False
        why = "; its topic was made anew, and nobody said that it was lost" if gone else ""
        yield Breach(f"{_named(sent)} has no answer{why}")


def gone_unwitnessed(evidence: Evidence) -> list[Sent]:
    """Unanswered events of topics that went when nobody was there who could tell."""
    epochs = unwitnessed(evidence)
    return [sent for sent in _unnamed(evidence) if sent.epoch in epochs]


def _unnamed(evidence: Evidence) -> Iterator[Sent]:
    answers, lost = answers_of(evidence), told(evidence.log, evidence.epochs)
    return (sent for sent in evidence.sent if sent.number not in answers and covering(lost, sent) is None)


NOTICE = 5.0
"""Seconds in which a worker that lives sees that its topic is another one."""


def unwitnessed(evidence: Evidence) -> set[str]:
    """The epochs of the topic whose last readers had all ended when they could have seen that it is another one.

    Kafka forgets a group's offsets with the topic, so a worker that starts afterwards has nothing to go by.
    """
    begins = list(evidence.epochs.items())
    return {
        epoch
        for (epoch, _), (_, anew) in pairwise(begins)
        if evidence.exits and not any(each.ended > anew + NOTICE for each in _readers(evidence, anew))
    }


def _readers(evidence: Evidence, before: float) -> Iterator[Exit]:
    """The lives of workers that had partitions before that moment, in seconds since 1970, and how they ended."""
    assigned = {
        each.file
        for each in evidence.log
        if each.entry is not None
        and each.entry.get("event") == "partitions_assigned"
        and datetime.fromisoformat(str(each.entry["timestamp"])).timestamp() < before
    }
    return (each for each in evidence.exits if each.log in assigned)


def told_lost(evidence: Evidence) -> list[Sent]:
    """Unanswered events that a log has named: never readable, and said so."""
    answers, lost = answers_of(evidence), told(evidence.log, evidence.epochs)
    return [sent for sent in evidence.sent if sent.number not in answers and covering(lost, sent) is not None]


CAUSES = {"expired": "events-expired", "recreated": "topic-recreated", "truncated": "topic-recreated"}
"""The fault that each way to lose events comes of. Nothing that a run does makes records unreadable."""


def lost_without_cause(evidence: Evidence) -> Iterator[Breach]:
    """Unanswered events that a log has named as lost, where nothing was done that loses any."""
    answers, struck = answers_of(evidence), {strike.name for done in evidence.rounds for strike in done.strikes}
    lost = told(evidence.log, evidence.epochs)
    for sent in evidence.sent:
        said = covering(lost, sent)
        if said is not None and sent.number not in answers and CAUSES.get(said.reason) not in struck:
            yield Breach(
                f"{_named(sent)} was told as lost ({said.reason}), and nothing that was done loses events so"
            )


def other_ids(evidence: Evidence) -> Iterator[Breach]:
    """Answers under another event id than the one that follows from what the record is."""
    by_number = {sent.number: sent for sent in evidence.sent}
    for number, answers in answers_of(evidence).items():
        if (sent := by_number.get(number)) is None:
            continue
        expected = _event_id(sent)
        for answer in answers:
            if answer.event_id != expected or answer.source != (sent.partition, sent.offset):
                where = f"{answer.at} as {answer.event_id} of {answer.source}"
                yield Breach(f"{_named(sent)}, which is {expected}, is answered at {where}")


def two_verdicts(evidence: Evidence) -> Iterator[Breach]:
    verdicts: defaultdict[str, dict[str | None, Given]] = defaultdict(dict)
    for answer in evidence.answers:
        if answer.decision_id is not None:
            verdicts[answer.decision_id].setdefault(answer.verdict, answer)
    for decision, said in verdicts.items():
        if len(said) > 1:
            yield Breach(f"{decision} says {' and '.join(f'{verdict} at {at.at}' for verdict, at in said.items())}")


def both_decided_and_dead_lettered(evidence: Evidence) -> Iterator[Breach]:
    by_number = {sent.number: sent for sent in evidence.sent}
    for number, answers in answers_of(evidence).items():
        decided = [answer for answer in answers if answer.decision_id is not None]
        letters = [answer for answer in answers if answer.decision_id is None]
        if decided and letters:
            who = _named(by_number[number]) if number in by_number else f"event {number}"
            yield Breach(
                f"{who} is decided at {decided[0].at} and a dead letter ({letters[0].reason}) at {letters[0].at}"
            )


def nobodys_answers(evidence: Evidence) -> Iterator[Breach]:
    """Answers that carry no number of the ledger, and the id of no event in it; unacknowledged ones have a number."""
    known = {_event_id(sent) for sent in evidence.sent}
    for answer in evidence.answers:
        if answer.number is None and answer.event_id not in known and not evidence.unacknowledged:
            yield Breach(f"{answer.at} answers {answer.event_id} at {answer.source}, which nobody has sent")


def repeats(evidence: Evidence) -> int:
    """How many answers were given again."""
    return sum(len(answers) - 1 for answers in answers_of(evidence).values())


def dead_letters(evidence: Evidence) -> Sequence[Given]:
    return [answer for answer in evidence.answers if answer.decision_id is None]


def _event_id(sent: Sent) -> str:
    event = Event(sent.topic, sent.partition, sent.offset, sent.key, None, timestamp=sent.timestamp_ms / 1000)
    return event_id(event, sent.sha256)


def _named(sent: Sent) -> str:
    return f"event {sent.number} ({sent.kind}, {sent.topic}[{sent.partition}]@{sent.offset} of {sent.epoch})"
