"""An audit that cannot fail is a defect: each promise is broken here by hand, and seen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from pipeline.wire import Event
from pipeline.wire.events import event_id
from tests.chaos.audit import RULES, audit
from tests.chaos.audit.answers import gone_unwitnessed, told_lost
from tests.chaos.audit.commits import baseline
from tests.chaos.evidence import Evidence, Given, LogLine, RoundDone, Struck
from tests.chaos.ledger import Sent
from tests.chaos.plan import WAIT
from tests.chaos.units import Exit
from tests.chaos.watch import Sample

TOPIC, EPOCH, BEGAN = "images", "first", 1_764_000_000.0
DECISIONS = ("decisions", 0)


def sent(number: int, epoch: str = EPOCH, offset: int | None = None) -> Sent:
    place = (TOPIC, epoch, 0, number if offset is None else offset)
    return Sent(number, "jpeg", *place, 1_764_000_000_000 + number, b"k", sha256(b"%d" % number).hexdigest())


def id_of(event: Sent) -> str:
    record = Event(event.topic, event.partition, event.offset, event.key, None, timestamp=event.timestamp_ms / 1000)
    return event_id(record, event.sha256)


def decided(event: Sent, at: int | None = None, **other: Any) -> Given:
    where = (DECISIONS, event.number if at is None else at)
    source = (event.partition, event.offset)
    given = Given(where, event.number, id_of(event), source, decision_id=f"d-{event.number}", verdict="allow")
    return replace(given, **other)


def dead_letter(event: Sent, at: int = 0) -> Given:
    source = (event.partition, event.offset)
    return Given((("dlq", 0), at), event.number, id_of(event), source, reason="truncated")


def sample(at: float, committed: int, answers: int, events: int = 10) -> Sample:
    return Sample(at, EPOCH, {(EPOCH, 0): committed}, {DECISIONS: answers}, {0: events})


def line(**entry: Any) -> LogLine:
    return LogLine("worker-1-1.err", 7, str(entry), entry)


def lost_line(reason: str, since: int, goes_on_at: int, seconds: float) -> LogLine:
    when = datetime.fromtimestamp(BEGAN + seconds, UTC).isoformat()
    told = {"reason": reason, "partition": 0, "looked_for": since, "goes_on_at": goes_on_at}
    return line(event="events_lost", timestamp=when, **told)


EVENTS = [sent(number) for number in range(10)]
WHOLE = Evidence(
    seed=1,
    sent=EVENTS,
    answers=[decided(event) for event in EVENTS],
    samples=[sample(float(at), at, at) for at in range(11)],
    exits=[
        Exit("worker-1", -signal.SIGKILL, 9.0, 5.0, "SIGKILL"),
        Exit("worker-1", 0, 9.0, 8.0, "SIGTERM"),
        Exit("worker-1", 1, 9.0, 9.0, None),
    ],
    log=[line(event="worker_started", timestamp="2025-11-24T16:00:00Z"), LogLine("worker-1-1.err", 8, "plain text")],
    epochs={EPOCH: BEGAN},
    quiet=(0.0, 4.0),
    rounds=[RoundDone([Struck("kill-worker", 4.0, 5.0, 1, "worker-1")], 5.0, 10.0)],
)


def broken(evidence: Evidence) -> dict[str, list[str]]:
    """The rules that are broken, with their words."""
    return {name: [str(each) for each in found] for name, found in audit(evidence).items() if found}


def test_a_run_in_which_every_promise_holds_has_no_breach() -> None:
    repeated = replace(WHOLE, answers=[*WHOLE.answers, decided(EVENTS[3], at=10)])
    assert broken(WHOLE) == broken(repeated) == {}


def without(number: int) -> Iterable[Given]:
    return [answer for answer in WHOLE.answers if answer.number != number]


def stuck(committed: int, from_second: int, until: int) -> list[Sample]:
    """Samples in which nothing is committed from some second on."""
    return [sample(float(at), min(at, committed) if at >= from_second else at, 10, 100) for at in range(until)]


def an_end(status: int, asked: str | None) -> Callable[[], Evidence]:
    return lambda: replace(WHOLE, exits=[Exit("worker-1", status, 9.0, 5.0, asked)])


AGAIN = decided(EVENTS[3], at=10)
BROKEN: dict[str, list[Callable[[], Evidence]]] = {
    "lost": [
        lambda: replace(WHOLE, answers=list(without(9)), samples=()),
    ],
    "told as lost without a cause": [
        lambda: replace(WHOLE, answers=list(without(3)), log=[lost_line("corrupt", 3, 4, 5)]),
        lambda: replace(WHOLE, answers=list(without(3)), log=[lost_line("expired", 3, 4, 5)]),
    ],
    "repeats under another event id": [
        lambda: replace(WHOLE, answers=[*WHOLE.answers, replace(AGAIN, event_id="0" * 32)]),
        lambda: replace(WHOLE, answers=[*WHOLE.answers, replace(AGAIN, source=(0, 4))]),
    ],
    "decision ids with two verdicts": [
        lambda: replace(WHOLE, answers=[*WHOLE.answers, replace(AGAIN, verdict="block")]),
    ],
    "both decided and dead-lettered": [
        lambda: replace(WHOLE, answers=[*WHOLE.answers, dead_letter(EVENTS[3])]),
    ],
    "answers to no event": [
        lambda: replace(WHOLE, answers=[*WHOLE.answers, replace(AGAIN, number=None, event_id="0" * 32)]),
    ],
    "offsets ahead of acknowledged output": [
        lambda: replace(WHOLE, samples=[*WHOLE.samples[:5], sample(5.0, 6, 5), *WHOLE.samples[6:]]),
        lambda: replace(WHOLE, samples=[sample(float(at), at, 0) for at in range(11)]),
    ],
    "partitions that waited too long": [
        lambda: replace(
            WHOLE,
            samples=stuck(5, 5, 60),
            rounds=[RoundDone([Struck("kill-worker", 4.0, 5.0)], 5.0, 60.0)],
        ),
        lambda: replace(WHOLE, drained=False),
    ],
    "undocumented exit statuses": [
        an_end(-signal.SIGSEGV, None),
        an_end(-signal.SIGABRT, "SIGTERM"),
        an_end(-signal.SIGKILL, None),
        an_end(-signal.SIGKILL, "SIGTERM"),
        an_end(0, None),
        an_end(70, None),
        lambda: replace(WHOLE, log=[line(event="process_died", died="moderator-1", status=-signal.SIGABRT)]),
    ],
    "processes that outlived theirs": [
        lambda: replace(WHOLE, leftovers=["what worker-1 had started outlived it"]),
    ],
    "tracebacks": [
        lambda: replace(WHOLE, log=[LogLine("w.err", 3, "Traceback (most recent call last):")]),
        lambda: replace(WHOLE, log=[line(event="policies_not_watched", exception="ValueError: ...")]),
        lambda: replace(WHOLE, log=[line(event="process_hangs", reason="a batch is inside")]),
        lambda: replace(WHOLE, log=[LogLine("w.err", 3, "Fatal Python error: Segmentation fault")]),
    ],
}


def test_every_rule_is_broken_here_at_least_once() -> None:
    assert set(BROKEN) == set(RULES)
    assert all(BROKEN.values())


@pytest.mark.parametrize(("rule", "made"), [(rule, made) for rule, all_made in BROKEN.items() for made in all_made])
def test_a_breach_is_seen_by_its_rule_and_by_no_other(rule: str, made: Callable[[], Evidence]) -> None:
    assert set(broken(made())) == {rule}


def test_a_breach_names_the_event_and_where_it_stood() -> None:
    [said] = broken(replace(WHOLE, answers=list(without(9)), samples=()))["lost"]
    assert "event 9" in said
    assert "images[0]@9" in said


def test_events_that_a_log_has_named_as_lost_are_told_and_no_others() -> None:
    expired = RoundDone([Struck("events-expired", 4.0, 5.0)], 5.0, 10.0)
    evidence = replace(WHOLE, answers=list(without(3)), log=[lost_line("expired", 3, 4, 5)], rounds=[expired])
    assert broken(evidence) == {}
    assert told_lost(evidence) == [EVENTS[3]]
    beside = replace(evidence, log=[lost_line("expired", 4, 9, 5)])
    assert set(broken(beside)) == {"lost", "offsets ahead of acknowledged output"}


def test_what_was_in_a_topic_that_is_another_now_is_told_of_the_old_one_alone() -> None:
    """Offsets begin again: the same partition and offset is another event, and that one is owed an answer."""
    second = [sent(100 + number, "second", number) for number in range(10)]
    evidence = replace(
        WHOLE,
        sent=[*EVENTS, *second],
        answers=[*without(9), *(decided(event) for event in second[:9])],
        samples=(),
        epochs={EPOCH: BEGAN, "second": BEGAN + 100},
        rounds=[RoundDone([Struck("topic-recreated", 4.0, 5.0)], 5.0, 10.0)],
        log=[lost_line("recreated", 9, 0, 101)],
    )
    assert [said.partition(" has")[0] for said in broken(evidence)["lost"]] == [
        "event 109 (jpeg, images[0]@9 of second)"
    ]
    beside = replace(evidence, sent=[*evidence.sent, replace(EVENTS[9], number=999, partition=1)])
    assert not any("event 999" in said for said in broken(beside)["lost"]), "one member's word is enough"
    nobody = replace(evidence, log=[_assigned(1, 50)], exits=[_worker(1, until=150)])
    assert "nobody said" in broken(nobody)["lost"][0]


def test_what_goes_with_a_topic_while_no_worker_lives_can_be_told_by_nobody() -> None:
    second = [sent(100 + number, "second", number) for number in range(10)]
    evidence = replace(
        WHOLE,
        sent=[*EVENTS, *second],
        answers=[*without(9), *(decided(event) for event in second)],
        samples=(),
        epochs={EPOCH: BEGAN, "second": BEGAN + 100},
        rounds=[RoundDone([Struck("kill-all", 4.0, 5.0), Struck("topic-recreated", 4.0, 5.0)], 5.0, 10.0)],
        log=[_assigned(1, 50), _assigned(2, 60), _assigned(3, 110)],
        exits=[_worker(1, until=99), _worker(2, until=101), _worker(3, until=200)],
    )
    assert "lost" not in broken(evidence)
    assert gone_unwitnessed(evidence) == [EVENTS[9]]
    longer = replace(evidence, exits=[_worker(1, until=99), _worker(2, until=107), _worker(3, until=200)])
    assert "nobody said" in broken(longer)["lost"][0], "the second one lived, and had read that topic"
    assert gone_unwitnessed(longer) == []


def _worker(life: int, *, until: float) -> Exit:
    return Exit("worker-1", -signal.SIGKILL, 9.0, 5.0, "SIGKILL", f"worker-1-{life}.err", BEGAN + until)


def _assigned(life: int, seconds: float) -> LogLine:
    when = datetime.fromtimestamp(BEGAN + seconds, UTC).isoformat()
    return replace(line(event="partitions_assigned", timestamp=when), file=f"worker-1-{life}.err")


def test_a_wait_is_measured_against_the_same_machine_without_faults() -> None:
    slow = [sample(float(at), at // 20 * 20, 100, 100) for at in range(100)]
    evidence = replace(WHOLE, sent=(), answers=(), samples=slow, quiet=(0.0, 50.0), rounds=())
    assert 20 <= baseline(evidence) <= 21
    done = RoundDone([Struck("kill-worker", 50.0, 51.0)], 51.0, 99.0)
    assert broken(replace(evidence, rounds=[done])) == {}
    strict = replace(evidence, samples=[*WHOLE.samples[:4], *slow[40:]], quiet=(0.0, 4.0), rounds=[done])
    assert WAIT < 20
    assert set(broken(strict)) == {"partitions that waited too long"}


def test_a_wait_is_as_much_longer_as_the_machine_is_slower() -> None:
    slow = [sample(float(at), at // 40 * 40, 100, 100) for at in range(5, 100)]
    done = RoundDone([Struck("kill-worker", 5.0, 6.0)], 6.0, 99.0)
    evidence = replace(
        WHOLE, sent=(), answers=(), samples=[*WHOLE.samples[:4], *slow], quiet=(0.0, 4.0), rounds=[done]
    )
    assert set(broken(evidence)) == {"partitions that waited too long"}
    busy = [replace(each, stretch=3.0) for each in slow]
    assert broken(replace(evidence, samples=[*WHOLE.samples[:4], *busy])) == {}


def test_an_answer_without_a_number_belongs_to_the_event_of_its_id() -> None:
    """As where headers and key had to be left out."""
    answers = [*without(3), replace(decided(EVENTS[3]), number=None)]
    assert broken(replace(WHOLE, answers=answers)) == {}
