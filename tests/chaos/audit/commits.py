"""Commits against the answers: never ahead of them, and never long in coming."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.chaos.audit.answers import answers_of
from tests.chaos.audit.breach import Breach
from tests.chaos.evidence import Evidence, RoundDone, covering
from tests.chaos.ledger import Sent
from tests.chaos.plan import WAIT
from tests.chaos.reading import told
from tests.chaos.waits import longest_waits, stretched
from tests.chaos.watch import Place


def ahead(evidence: Evidence) -> Iterator[Breach]:
    """Committed offsets beyond an event that had no acknowledged answer by then."""
    answers, lost = answers_of(evidence), told(evidence.log, evidence.epochs)
    events: defaultdict[Place, list[Sent]] = defaultdict(list)
    for sent in sorted(evidence.sent, key=lambda each: each.offset):
        events[sent.epoch, sent.partition].append(sent)
    checked: defaultdict[Place, int] = defaultdict(int)
    for sample in evidence.samples:
        for place, committed in sample.committed.items():
            mine = events[place]
            while checked[place] < len(mine) and mine[checked[place]].offset < committed:
                sent = mine[checked[place]]
                checked[place] += 1
                there = any(_lies_within(each.at, sample.answers) for each in answers.get(sent.number, ()))
                if not there and covering(lost, sent) is None:
                    yield Breach(
                        f"partition {sent.partition} was committed up to {committed} while event {sent.number}"
                        f" ({sent.kind}) at {sent.offset} of {sent.epoch} had no answer"
                    )


def waited_too_long(evidence: Evidence) -> Iterator[Breach]:
    for done in evidence.rounds:
        allowed = allowed_wait(evidence, done)
        for partition, seconds in longest_waits(evidence.samples, done.ended, done.until).items():
            if seconds > allowed:
                what = "; ".join(f"{strike.name} ({strike.told})" for strike in done.strikes)
                yield Breach(
                    f"partition {partition} waited {seconds:.1f} s, and {allowed:.1f} s are allowed, after {what}"
                )
    if not evidence.drained:
        yield Breach("at the end not everything was committed")


def allowed_wait(evidence: Evidence, done: RoundDone) -> float:
    """What a partition may wait in that round: `WAIT`, and what it waited without faults.

    Both are lengthened by what others have taken of the machine in that round, as against the phase without faults:
    a process that starts needs its CPU seconds, however long they take.
    """
    then = stretched(evidence.samples, done.ended, done.until)
    slower = then / stretched(evidence.samples, *evidence.quiet)
    return (WAIT + baseline(evidence)) * max(1.0, slower)


def baseline(evidence: Evidence) -> float:
    """The longest that a partition waited in the phase without faults, the start of the workers among it."""
    return max(longest_waits(evidence.samples, *evidence.quiet).values(), default=0.0)


def steady_baseline(evidence: Evidence) -> float:
    """The same, once every partition had its first commit."""
    return max(longest_waits(evidence.samples, evidence.steady, evidence.quiet[1]).values(), default=0.0)


def waits_by_fault(evidence: Evidence) -> dict[str, float]:
    """The longest wait after any round that had this fault in it."""
    found: dict[str, float] = {}
    for done in evidence.rounds:
        longest = max(longest_waits(evidence.samples, done.ended, done.until).values(), default=0.0)
        for strike in done.strikes:
            found[strike.name] = max(found.get(strike.name, 0.0), longest)
    return found


def _lies_within(at: tuple[Place, int], ends: Mapping[Place, int]) -> bool:
    place, offset = at
    return offset < ends.get(place, 0)
